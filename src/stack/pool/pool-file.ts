import { join } from 'node:path'
import { writeFileAtomically } from '../../system/atomic-file.js'
import { makeFolder } from '../../system/folder.js'
import { readText } from '../../system/text-file.js'

/** Says which server the pool goes to; PgBouncer reads it when it starts and on RELOAD. */
export function poolFilePath(folder: string): string {
  return join(folder, 'pool', 'databases.ini')
}

export async function writePoolFile(folder: string, serverName: string): Promise<void> {
  // Read by a service's user, and no secret.
  await makeFolder(join(folder, 'pool'), 0o755)
  const text = `[databases]\n* = host=${serverName} port=5432\n`
  await writeFileAtomically(poolFilePath(folder), [Buffer.from(text)])
}

/** The server that the file names; undefined where there is no file. */
export async function readPoolFile(folder: string): Promise<string | undefined> {
  return /\bhost=(\S+)/.exec((await readText(poolFilePath(folder))) ?? '')?.[1]
}
