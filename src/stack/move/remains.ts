import { removeStopped } from '../../engine/apply-plan.js'
import { engineError, isStatus } from '../../engine/engine.js'
import { listProjectContainers, type ProjectContainer } from '../../engine/project-containers.js'
import { SimdgresError } from '../../errors.js'
import { writePoolFile } from '../pool/pool-file.js'
import { isPoolPaused, restartPooler, resumePool } from '../pool/pooler.js'
import { databaseService, poolerService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { removeDataFolder } from './data-folder-removal.js'
import { forgetMove, type MoveJournal, type MoveRecord, moveTitles, readMove } from './journal.js'
import {
  findPrevious,
  findPrimary,
  type Move,
  moveSettings,
  planMove,
  type ServerPlace,
  settingsKeeping,
} from './replication.js'
import { restartAsItWas, restartLimitMs } from './restart.js'
import { standbySlot } from './standby.js'
import { readUpgradeState, type UpgradeState } from './upgrade-state.js'
import { closeAgain, openAgain, undoUpgrade } from './upgrade-undo.js'

/** Whether a move was killed: its journal, a volume that it was filling, or a pool that it holds back. */
export async function isMoveInterrupted(stack: Stack): Promise<boolean> {
  if ((await readMove(stack)) || stack.settings[moveSettings.nextVolume]) return true
  return (await stack.isRunning(poolerService)) && (await isPoolPaused(stack))
}

/** Whether a killed move had named its new server in .env: it is complete, and clients may have written to it. */
export function isPastReturn(stack: Stack, { kind, to }: MoveRecord): boolean {
  return kind !== 'swap' && stack.primary === to.name
}

/**
 * Undoes a move that was interrupted, by a kill or a power cut. .env always names a complete server: a move changes it
 * only when the new server is complete, and lets clients go only after that.
 * @param replacesPrimary the caller is about to replace the primary by a copy from elsewhere, so the primary may be beyond
 * repair and the pool down. Otherwise a primary that does not answer is an error: the unfinished server may then be all
 * that is left.
 * @throws ERR_CHECK_FAILED where the new server is in use already, so that the move has to be finished.
 */
export async function clearMoveRemains(stack: Stack, replacesPrimary = false): Promise<void> {
  if (!(await isMoveInterrupted(stack))) return
  const record = await readMove(stack)
  if (record && isPastReturn(stack, record)) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The ${moveTitles[record.kind]} of ${record.since} is not finished: ${record.to.name} is in use`,
      'Run simdgres repair.',
    )
  }
  const primary = findPrimary(stack)
  stack.progress.note('a move was interrupted; undoing it')
  const target = await findTarget(stack, record)
  // It may have been promoted. Two servers that accept writes are never up at the same time.
  if (target) await endAtOnce(stack, target.name)
  const upgrade = await readUpgradeState(stack)
  const wasRunning = await stack.isRunning(primary.name)
  const isAnswering = await revive(stack, primary.name, replacesPrimary && !upgrade)
  if (upgrade && isAnswering) await openToClients(stack, primary, record, upgrade)
  await leadPoolTo(stack, primary.name, !wasRunning && isAnswering)
  if (target) {
    const move = { from: primary, to: target }
    if (record?.kind === 'restore' && record.isReady) await keepRestored(stack, target, record.repository)
    else if (!isAnswering) await removeTarget(stack, move)
    else {
      if (upgrade) await undoUpgrade(stack, move, upgrade)
      await discardTarget(stack, move)
    }
  }
  await forgetMove(stack)
}

/** Not gracefully: it would wait for an archive that takes nothing of it. Its log is enough, should it be needed after all. */
async function endAtOnce(stack: Stack, name: string): Promise<void> {
  if (!(await stack.isRunning(name))) return
  const container = await stack.container(name)
  try {
    await container.kill()
    await container.wait()
  } catch (error) {
    // It has ended meanwhile.
    if (!isStatus(error, 404, 409)) throw engineError(error, `ending the container ${name}`)
  }
}

/** What the move was filling. Undefined where it moved between servers that exist, or had not begun to fill anything. */
async function findTarget(stack: Stack, record: MoveRecord | undefined): Promise<ServerPlace | undefined> {
  const volume = stack.settings[moveSettings.nextVolume]
  if (!volume) return undefined
  return { name: record?.to.name ?? (await planMove(stack, 'switchover')).to.name, volume }
}

/** Takes back the fence around the server in use. A server that followed it follows again, and nobody else may write to it. */
async function openToClients(
  stack: Stack,
  primary: ServerPlace,
  record: MoveRecord | undefined,
  upgrade: UpgradeState,
): Promise<void> {
  if (record?.kind === 'rollback' && (await stack.isRunning(record.to.name))) {
    await closeAgain(stack, record.to.name, upgrade)
  }
  await openAgain(stack, primary.name, upgrade)
}

/** Lets clients go on at `server`. A pool that is down has its file written, and finds the server when it starts. */
export async function leadPoolTo(stack: Stack, server: string, mayHaveMoved: boolean): Promise<void> {
  if (!(await stack.isRunning(poolerService))) return writePoolFile(stack, server)
  await stack.repointPool(server)
  await resumePool(stack)
  if (mayHaveMoved) await restartPooler(stack)
}

/** What took hours to restore and is verified stays, for `restore --resume`. */
async function keepRestored(
  stack: Stack,
  { name, volume }: ServerPlace,
  repository: MoveRecord['repository'],
): Promise<void> {
  await stack.removeService(name)
  await stack.updateSettings(settingsKeeping(volume, repository))
  stack.progress.note(
    `the restored server is verified, and kept in the volume ${stack.volumeName(volume)}: simdgres restore --resume`,
  )
}

/** Starts the server if it is down. Resolves to whether it answers, which only `mayFail` allows to be false. */
export async function revive(stack: Stack, name: string, mayFail: boolean): Promise<boolean> {
  try {
    // simdgres down has removed its container; its data and .env are there.
    if (!(await stack.findContainer(name)))
      await stack.startService(databaseService, { name }, restartLimitMs)
    else if (!mayFail) await restartAsItWas(stack, name)
    else {
      await stack.startAgain(name)
      // Notices at once if it ends again, where asking would go on up to the limit.
      await stack.waitUntilHealthy(name, restartLimitMs)
    }
    return true
  } catch (error) {
    if (!mayFail || stack.signal.aborted) throw error
    stack.progress.note(`${name} does not start: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

/**
 * Removes the server that a move was making, and what it left in the primary. Removes nothing while the primary is
 * unreachable.
 */
export async function discardTarget(stack: Stack, move: Move): Promise<void> {
  await stack.query('SELECT 1', { service: move.from.name, database: 'postgres' })
  await removeTarget(stack, move)
  await stack.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
     WHERE slot_name = '${standbySlot}' AND NOT active`,
    { service: move.from.name },
  )
}

/** Removes the server that a move was making, with its files. Never the one that .env names. */
async function removeTarget(stack: Stack, { to }: Move): Promise<void> {
  if (stack.primary === to.name) throw inUse(to)
  await endAtOnce(stack, to.name)
  await stack.removeService(to.name)
  await removeUnfinished(stack, to)
}

/** Removes what a move was filling, and every container that still uses it, such as the copy of a killed command. */
export async function removeUnfinished(stack: Stack, target: ServerPlace): Promise<void> {
  const { volume } = target
  if ([findPrimary(stack).volume, findPrevious(stack)?.volume].includes(volume)) throw inUse(target)
  // Killed, not stopped: what they were writing is removed as well.
  for (const { id, name } of await listUsers(stack, volume)) {
    await removeStopped(stack.engine.getContainer(id), name)
  }
  await stack.removeVolume(volume)
  await removeDataFolder(stack, volume)
  await stack.updateSettings({ [moveSettings.nextVolume]: undefined })
}

async function listUsers(stack: Stack, volume: string): Promise<ProjectContainer[]> {
  const containers = await listProjectContainers(stack.engine, stack.name)
  return containers.filter(({ mounts }) =>
    mounts.some((mount) => mount.volume === stack.volumeName(volume) || mount.source.includes(`/${volume}/`)),
  )
}

function inUse({ name, volume }: ServerPlace): SimdgresError {
  return new SimdgresError(
    'ERR_CHECK_FAILED',
    `${name} (${volume}) is in use or kept: it is not removed`,
    'See simdgres status.',
  )
}

/** Cleans up after a failure, which is what has to be reported. If this fails too, the next attempt cleans up. */
export async function discardAfterFailure(
  stack: Stack,
  move: Move,
  journal: MoveJournal,
  discard: () => Promise<void> = () => discardTarget(stack, move),
): Promise<void> {
  // Clients may have written to the new server already.
  if (stack.primary === move.to.name) return
  try {
    await discard()
    await journal.end()
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    stack.progress.note(`${move.to.name} is not removed yet: ${error.message}`)
  }
}
