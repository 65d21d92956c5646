import { open, rename, rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { toStorageError } from '../../system/storage-error.js'
import { backupService } from '../services/service-names.js'
import { requireExitZero } from '../sets/backup-script.js'
import { chooseSet } from '../sets/backup-sets.js'
import { requireUndamaged } from '../sets/verify-sets.js'
import type { Stack } from '../stack.js'

export interface ExportResult {
  readonly set: string
  /** Absolute. */
  readonly file: string
  readonly bytes: number
}

/**
 * Writes the newest good logical set into a file of this machine, as a tar archive that only its owner can read: it holds the
 * verifiers of passwords. The file is there when it is complete.
 * @throws ERR_UNAVAILABLE where there is no set, ERR_CORRUPT_DATA where it is damaged, ERR_RESOURCE where it cannot be written.
 */
export async function exportSet(stack: Stack, path: string): Promise<ExportResult> {
  const file = resolve(path)
  const part = `${file}.${process.pid}.part`
  const fail = (error: unknown): never => {
    throw toStorageError(error, `writing ${file}`)
  }
  const handle = await open(part, 'wx', 0o600).catch(fail)
  const output = handle.createWriteStream({ flush: true })
  // Reported by `written`, which is looked at when the archive has ended.
  const written = finished(output)
  written.catch(() => undefined)
  try {
    const set = await chooseSet(stack, undefined)
    await requireUndamaged(stack, set)
    const argv = ['tar', '--create', '--directory=/backups/logical', '--', set]
    const result = await stack.runOneShot(argv, { service: backupService, networks: [], output })
    requireExitZero(result, 'tar')
    if (!output.writableEnded) output.end()
    await written.catch(fail)
    await rename(part, file).catch(fail)
    return { set, file, bytes: (await stat(file)).size }
  } finally {
    output.destroy()
    await rm(part, { force: true })
  }
}
