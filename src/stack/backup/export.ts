import { resolve } from 'node:path'
import { writeStreamAtomically } from '../../system/atomic-file.js'
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
 * @throws ERR_UNAVAILABLE where there is no set, ERR_CORRUPT_DATA where it is damaged, ERR_RESOURCE where it cannot be
 * written, ERR_INVALID_ARGUMENT where it is a device or a pipe.
 */
export async function exportSet(stack: Stack, path: string): Promise<ExportResult> {
  const file = resolve(path)
  let set = ''
  const bytes = await writeStreamAtomically(file, async (output) => {
    set = await chooseSet(stack, undefined)
    await requireUndamaged(stack, set)
    const argv = ['tar', '--create', '--directory=/backups/logical', '--', set]
    const result = await stack.runOneShot(argv, { service: backupService, networks: [], output })
    requireExitZero(result, 'tar')
  })
  return { set, file, bytes }
}
