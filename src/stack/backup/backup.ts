import { runBackupScript } from '../sets/backup-script.js'
import { type Backup, listLogicalSets, listPhysicalBackups, parseSet } from '../sets/backup-sets.js'
import type { Stack } from '../stack.js'

export interface BackupRequest {
  readonly kind: Backup['kind']
  /** Good logical sets, or full physical backups, to keep; by default those of the schedule (.env). */
  readonly keep?: number
}

export interface BackupResult {
  readonly backup: Backup
  /** Names of older sets that were removed after this one was complete. */
  readonly removed: readonly string[]
  readonly durationMs: number
}

const defaultKeep = { BACKUP_KEEP: '30', BACKUP_KEEP_FULL: '2' } as const

/**
 * Makes a backup and, once it is complete, removes what is older than those to keep.
 * @throws ERR_UNAVAILABLE where the server does not answer, ERR_RESOURCE where the volume is full or another run is
 * under way, ERR_CHECK_FAILED; nothing is left or removed then.
 */
export async function makeBackup(stack: Stack, request: BackupRequest): Promise<BackupResult> {
  const startedAtMs = performance.now()
  // Named before a container looks for it in vain.
  await stack.container(stack.primary)
  stack.progress.note(`making a ${request.kind} backup of ${stack.name}`)
  const { backup, removed } =
    request.kind === 'logical' ? await makeLogical(stack, request) : await makePhysical(stack, request)
  return { backup, removed, durationMs: Math.round(performance.now() - startedAtMs) }
}

async function makeLogical(stack: Stack, request: BackupRequest): Promise<Omit<BackupResult, 'durationMs'>> {
  const text = await runBackupScript(stack, 'make-set.sh', [String(readKeep(stack, request))])
  const [made = '', ...removed] = text.trim().split('\n')
  return { backup: parseSet(made)!, removed }
}

async function makePhysical(stack: Stack, request: BackupRequest): Promise<Omit<BackupResult, 'durationMs'>> {
  const before = await listPhysicalBackups(stack)
  await runBackupScript(stack, 'backup-physical.sh', [request.kind, String(readKeep(stack, request))])
  const after = await listPhysicalBackups(stack)
  const names = new Set(after.map(({ name }) => name))
  const backup = after.reduce((newest, candidate) =>
    candidate.takenAt >= newest.takenAt ? candidate : newest,
  )
  return { backup, removed: before.map(({ name }) => name).filter((name) => !names.has(name)) }
}

/** What a backup of this kind would remove now; the new one itself is not counted. */
export async function planRemovals(stack: Stack, request: BackupRequest): Promise<readonly string[]> {
  if (request.kind !== 'logical') return []
  const keep = readKeep(stack, request)
  // With the new set in front, the oldest of those kept now has to go as well.
  if (keep === 1) return (await listLogicalSets(stack)).map(({ name }) => name)
  const args = [String(keep - 1), '--dry-run']
  const text = await runBackupScript(stack, 'retain-sets.sh', args, { isOffline: true })
  return text.split('\n').filter((line) => line !== '')
}

function readKeep(stack: Stack, { kind, keep }: BackupRequest): number {
  const name = kind === 'logical' ? 'BACKUP_KEEP' : 'BACKUP_KEEP_FULL'
  return keep ?? Number(stack.settings[name] || defaultKeep[name])
}
