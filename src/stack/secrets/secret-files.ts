import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { chmod, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { readText } from '../../system/text-file.js'

/** Replaces the whole file: the old one may belong to a service, and only the folder's owner can remove it. */
export async function writeSecret(path: string, text: string, mode: number): Promise<void> {
  const part = `${path}.${randomBytes(4).toString('hex')}.part`
  try {
    const handle = await open(part, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(part, mode)
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw new SimdgresError(
      'ERR_RESOURCE',
      `Cannot write ${path}`,
      `Check permissions and space of ${dirname(path)}.`,
      {
        cause: error,
      },
    )
  }
}

export async function writeIfDifferent(path: string, text: string): Promise<void> {
  if ((await readText(path)) !== text) await writeSecret(path, text, 0o444)
}

/** Undefined where there is no such file. */
export async function findOwner(path: string): Promise<number | undefined> {
  return (await findFile(path))?.uid
}

/** Bytes; undefined where there is no such file. */
export async function findSize(path: string): Promise<number | undefined> {
  return (await findFile(path))?.size
}

async function findFile(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SimdgresError('ERR_RESOURCE', `Cannot look at ${path}`, 'Check its permissions.', {
      cause: error,
    })
  }
}
