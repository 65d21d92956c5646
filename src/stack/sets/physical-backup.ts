import { SimdgresError } from '../../errors.js'
import { splitProfiles } from '../services/dependency-order.js'
import { backupService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { runBackupScript } from './backup-script.js'
import { listPhysicalBackups } from './backup-sets.js'

const secondsPerDay = 86_400
const defaultKeep = '2'

/**
 * Makes a physical backup, and in the second repository another, if there is one.
 * @param keep how many full ones stay. Who says how many means it; the default keeps as far back as the schedule does.
 */
export async function runPhysicalBackup(
  stack: Stack,
  type: 'full' | 'diff' | 'incr',
  keep?: number,
): Promise<void> {
  const count = keep ?? Number(stack.settings['BACKUP_KEEP_FULL'] || defaultKeep)
  const days = keep === undefined ? (count - 1) * Number(stack.settings['BACKUP_FULL_EVERY_DAYS'] || 7) : 0
  await runBackupScript(stack, 'backup-physical.sh', [type, String(count), String(days * secondsPerDay)])
}

/** Whether the schedule makes physical backups. */
export function isPhysicalScheduled({ settings }: Stack): boolean {
  return (
    splitProfiles(settings['COMPOSE_PROFILES']).includes(backupService) &&
    settings['BACKUP_PHYSICAL'] !== 'off'
  )
}

/**
 * The first physical backup of a server that has become another cluster: until it is complete, no time can be restored. Only
 * where there were such backups before. The move itself is done, so a failure is only noted.
 */
export async function backUpNewCluster(steady: Stack): Promise<void> {
  try {
    if ((await listPhysicalBackups(steady)).length === 0) return
    if (isPhysicalScheduled(steady)) {
      steady.progress.note(
        'recovery to a point in time starts anew with the backup that the schedule makes now',
      )
      return
    }
    steady.progress.note('making the backup with which recovery to a point in time starts anew')
    await runPhysicalBackup(steady, 'full')
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    steady.progress.note(`no time can be restored yet: ${error.message}. Next: simdgres backup --physical`)
  }
}
