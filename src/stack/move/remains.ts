import { removeStopped } from '../../engine/apply-plan.js'
import { listProjectContainers, type ProjectContainer } from '../../engine/project-containers.js'
import { SimdgresError } from '../../errors.js'
import { isPoolPaused, restartPooler, resumePool } from '../pool/pooler.js'
import { poolerService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { removeDataFolder } from './data-folder-removal.js'
import {
  findPrevious,
  findPrimary,
  type Move,
  moveSettings,
  planMove,
  type ServerPlace,
} from './replication.js'
import { restartAsItWas, restartLimitMs } from './restart.js'
import { standbySlot } from './standby.js'
import { readUpgradeState } from './upgrade-state.js'
import { undoUpgrade } from './upgrade-undo.js'

/**
 * Undoes a move that was interrupted, by a kill or a power cut. .env always names a complete server: a move changes it
 * only when the new server is complete, and lets clients go only after that.
 * @param replacesPrimary the caller is about to replace the primary by a copy from elsewhere, so the primary may be beyond
 * repair and the pool down. Otherwise a primary that does not answer is an error: the unfinished server may then be all
 * that is left.
 */
export async function clearMoveRemains(stack: Stack, replacesPrimary = false): Promise<void> {
  const primary = findPrimary(stack)
  const volume = stack.settings[moveSettings.nextVolume]
  const isPooled = !replacesPrimary || (await stack.isRunning(poolerService))
  if (!volume && !(isPooled && (await isPoolPaused(stack)))) return
  stack.progress.note('a move was interrupted; undoing it')
  const upgrade = await readUpgradeState(stack)
  const wasRunning = await stack.isRunning(primary.name)
  const isAnswering = await revive(stack, primary.name, replacesPrimary && !upgrade)
  if (isPooled) {
    await stack.repointPool(primary.name)
    await resumePool(stack)
    if (!wasRunning && isAnswering) await restartPooler(stack)
  }
  if (!volume) return
  const { to } = await planMove(stack, 'switchover')
  const move = { from: primary, to: { name: to.name, volume } }
  if (!isAnswering) return removeTarget(stack, move)
  if (upgrade) await undoUpgrade(stack, move, upgrade)
  await discardTarget(stack, move)
}

/** Starts the server if it is down. Resolves to whether it answers, which only `mayFail` allows to be false. */
async function revive(stack: Stack, name: string, mayFail: boolean): Promise<boolean> {
  try {
    if (!mayFail) await restartAsItWas(stack, name)
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
  discard: () => Promise<void> = () => discardTarget(stack, move),
): Promise<void> {
  // Clients may have written to the new server already.
  if (stack.primary === move.to.name) return
  try {
    await discard()
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    stack.progress.note(`${move.to.name} is not removed yet: ${error.message}`)
  }
}
