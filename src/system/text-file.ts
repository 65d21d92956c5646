import { readFile } from 'node:fs/promises'
import { SimdgresError } from '../errors.js'

/** The file's text; undefined if there is no such file. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SimdgresError('ERR_RESOURCE', `Cannot read ${path}`, 'Check its permissions.', { cause: error })
  }
}
