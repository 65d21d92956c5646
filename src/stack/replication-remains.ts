import { join } from 'node:path'
import { SimdgresError } from '../errors.js'
import { isPoolPaused, restartPooler, resumePool, waitUntilAnswering } from './pooler.js'
import type { Stack } from './project.js'
import { findPrevious, findPrimary, type Move, moveSettings, planMove } from './replication.js'
import { standbySlot } from './standby.js'
import { readUpgradeState } from './upgrade-state.js'
import { undoUpgrade } from './upgrade-undo.js'

const restartLimitMs = 120_000

/**
 * Undoes a move that was interrupted (killed, power cut) before it was done. .env names the complete server: it is
 * changed only when the other one is complete, and clients are let go only after that.
 */
export async function clearMoveRemains(stack: Stack): Promise<void> {
  const primary = findPrimary(stack)
  const volume = stack.settings[moveSettings.nextVolume]
  const isPaused = await isPoolPaused(stack)
  if (!volume && !isPaused) return
  stack.progress.note('a move was interrupted; undoing it')
  const container = await stack.container(primary.name)
  const wasRunning = (await container.inspect()).State.Running
  if (!wasRunning) await container.start()
  await waitUntilAnswering(stack, primary.name, restartLimitMs)
  await stack.repointPool(primary.name)
  await resumePool(stack)
  if (!wasRunning) await restartPooler(stack)
  if (!volume) return
  const { to } = await planMove(stack, 'switchover')
  const move = { from: primary, to: { name: to.name, volume } }
  const upgrade = await readUpgradeState(stack)
  if (upgrade) await undoUpgrade(stack, move, upgrade)
  await discardTarget(stack, move)
}

/**
 * Removes the server that a move was making, and what it left in the primary. Never the server that .env names, and
 * none as long as that one does not answer.
 */
export async function discardTarget(stack: Stack, { from, to }: Move): Promise<void> {
  const primary = findPrimary(stack)
  if (primary.name === to.name || primary.volume === to.volume) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `${to.name} (${to.volume}) is the primary: it is not removed`,
      'See simdgres status.',
    )
  }
  await stack.query('SELECT 1', { service: from.name, database: 'postgres' })
  await stack.removeService(to.name)
  await stack.removeVolume(to.volume)
  await stack.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
     WHERE slot_name = '${standbySlot}' AND NOT active`,
    { service: from.name },
  )
  await stack.updateSettings({ [moveSettings.nextVolume]: undefined })
}

/** After a failure, which has to be reported and not the one of this: the next attempt removes what is left. */
export async function discardAfterFailure(
  stack: Stack,
  move: Move,
  discard: () => Promise<void> = () => discardTarget(stack, move),
): Promise<void> {
  // Clients may have written to it already.
  if (stack.primary === move.to.name) return
  try {
    await discard()
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    stack.progress.note(`${move.to.name} is not removed yet: ${error.message}`)
  }
}

/** Removes the server before the last move, with its data. @throws ERR_UNAVAILABLE where none is kept. */
export async function dropPrevious(stack: Stack): Promise<{ name: string; volume: string }> {
  const previous = findPrevious(stack)
  if (!previous) {
    throw new SimdgresError('ERR_UNAVAILABLE', 'No old server is kept', 'There is nothing to remove.')
  }
  const primary = findPrimary(stack)
  if (previous.name === primary.name || previous.volume === primary.volume) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `.env names ${previous.name} (${previous.volume}) as both the primary and the old server`,
      'Correct STACK_PRIMARY and STACK_PREVIOUS in .env; nothing was removed.',
    )
  }
  await stack.removeService(previous.name)
  await stack.removeVolume(previous.volume)
  const folder = stack.settings['STACK_DATA_DIR']
  if (folder) {
    stack.progress.note(
      `its files stay in ${join(folder, previous.volume)}; remove that folder when you want`,
    )
  }
  await stack.updateSettings({
    [moveSettings.previous]: undefined,
    [moveSettings.previousVolume]: undefined,
  })
  return previous
}
