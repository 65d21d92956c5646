import { runBackupScript } from '../sets/backup-script.js'
import { type Backup, listLogicalSets, listPhysicalBackups, parseSet } from '../sets/backup-sets.js'
import { runPhysicalBackup } from '../sets/physical-backup.js'
import type { Stack } from '../stack.js'

export interface BackupRequest {
  readonly kind: Backup['kind']
  /**
   * How many good logical sets or full physical backups to keep; by default as many as the schedule (.env), and sets for as
   * long as it does.
   */
  readonly keep?: number
}

export interface BackupResult {
  readonly backup: Backup
  /** Names of older sets that were removed after this one was complete. */
  readonly removed: readonly string[]
  readonly durationMs: number
}

type PhysicalRequest = BackupRequest & { readonly kind: 'full' | 'diff' | 'incr' }

const secondsPerDay = 86_400
const defaultKeep = '30'

/**
 * Makes a backup and, once it is complete, removes backups older than those to keep.
 * @throws ERR_UNAVAILABLE if the server does not answer, ERR_RESOURCE if the volume is full or another run is under way,
 * ERR_CHECK_FAILED. Nothing is left behind or removed then.
 */
export async function makeBackup(stack: Stack, request: BackupRequest): Promise<BackupResult> {
  const startedAtMs = performance.now()
  // A missing server is reported here, by name, before a container looks for it.
  await stack.container(stack.primary)
  stack.progress.note(`making a ${request.kind} backup of ${stack.name}`)
  const { backup, removed } =
    request.kind === 'logical'
      ? await makeLogical(stack, request)
      : await makePhysical(stack, { ...request, kind: request.kind })
  return { backup, removed, durationMs: Math.round(performance.now() - startedAtMs) }
}

async function makeLogical(stack: Stack, request: BackupRequest): Promise<Omit<BackupResult, 'durationMs'>> {
  const text = await runBackupScript(stack, 'make-set.sh', [
    String(readKeep(stack, request)),
    String(readWindowSeconds(stack, request)),
  ])
  const [made = '', ...removed] = text.trim().split('\n')
  return { backup: parseSet(made)!, removed }
}

async function makePhysical(
  stack: Stack,
  request: PhysicalRequest,
): Promise<Omit<BackupResult, 'durationMs'>> {
  const before = await listPhysicalBackups(stack)
  await runPhysicalBackup(stack, request.kind, request.keep)
  const after = await listPhysicalBackups(stack)
  const names = new Set(after.map(({ name }) => name))
  const backup = after.reduce((newest, candidate) =>
    candidate.takenAt >= newest.takenAt ? candidate : newest,
  )
  return { backup, removed: before.map(({ name }) => name).filter((name) => !names.has(name)) }
}

/** The sets that a backup of this kind would remove now. */
export async function planRemovals(stack: Stack, request: BackupRequest): Promise<readonly string[]> {
  if (request.kind !== 'logical') return []
  const keep = readKeep(stack, request)
  const seconds = readWindowSeconds(stack, request)
  // The new set takes a place, so one set less is kept of those that exist.
  if (keep === 1 && seconds === 0) return (await listLogicalSets(stack)).map(({ name }) => name)
  const args = [String(Math.max(1, keep - 1)), String(seconds), '--dry-run']
  const text = await runBackupScript(stack, 'retain-sets.sh', args, { isOffline: true })
  return text.split('\n').filter((line) => line !== '')
}

/** What is younger is not removed. Who says how many means it; the default keeps as far back as the schedule does. */
function readWindowSeconds(stack: Stack, request: BackupRequest): number {
  if (request.keep !== undefined) return 0
  const days = stack.settings['BACKUP_KEEP_DAYS']
  if (days) return Number(days) * secondsPerDay
  const interval = Number(stack.settings['BACKUP_INTERVAL_SECONDS'] || secondsPerDay)
  return (readKeep(stack, request) - 1) * interval
}

function readKeep(stack: Stack, { keep }: BackupRequest): number {
  return keep ?? Number(stack.settings['BACKUP_KEEP'] || defaultKeep)
}
