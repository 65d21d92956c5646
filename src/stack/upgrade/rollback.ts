import { SimdgresError } from '../../errors.js'
import { moveFollowers } from '../move/followers.js'
import { dropPrevious } from '../move/remains.js'
import { findPrevious, findPrimary, type Move, type ServerPlace } from '../move/replication.js'
import type { MoveStacks, SwitchoverOptions, SwitchoverReport } from '../move/switchover.js'
import { waitUntilAnswering } from '../pool/pooler.js'
import type { Stack } from '../project.js'
import { databaseService } from '../running-stack.js'
import { upgradeArchive } from './archive.js'
import { DatabasePair } from './comparison.js'
import {
  copySequences,
  endReplication,
  unpublish,
  unsubscribe,
  waitCaughtUp,
  waitFollowing,
  waitInSync,
} from './logical-replication.js'
import { ensureMajorImage } from './new-server.js'
import { readUpgradeState, removeUpgradeState, type UpgradeState } from './state.js'
import { exchange, openAgain } from './upgrade-exchange.js'

const restartLimitMs = 120_000

/**
 * Goes back to the server before an upgrade, with everything that was written since: it has followed the new one. The
 * new one is kept, stopped, until it is dropped.
 * @throws ERR_UNAVAILABLE where there is nothing to go back to, ERR_CHECK_FAILED where the old server does not follow.
 */
export async function rollBackUpgrade(
  { stack, steady }: MoveStacks,
  { pauseLimitMs, syncLimitMs }: SwitchoverOptions,
): Promise<SwitchoverReport> {
  const { move, state } = await requireRollback(stack)
  const { from, to } = move
  await startFollower(stack, to, state)
  await waitUntilAnswering(stack, to.name, restartLimitMs)
  await waitFollowing(stack, from.name, to.name, state, 'simdgres_rollback', syncLimitMs)
  await waitInSync(stack, to.name, state, syncLimitMs)
  const pairs: DatabasePair[] = []
  let pauseMs: number
  try {
    for (const database of state.replicated) pairs.push(await DatabasePair.open(steady, move, database))
    pauseMs = await exchange({ stack, steady }, move, state, pauseLimitMs, async (closed) => {
      await waitCaughtUp(closed, 'simdgres_rollback', pauseLimitMs)
      for (const pair of pairs) await copySequences(pair.old, pair.next)
      await openAgain(steady, to.name, state)
    })
  } finally {
    for (const pair of pairs) await pair.close()
  }
  await unsubscribe(steady, to.name, state, 'simdgres_rollback')
  await steady.stopService(from.name)
  // There only if the upgrade was killed before its end.
  await unpublish(steady, to.name, state, 'simdgres_upgrade')
  await endReplication(steady, to.name, state)
  await removeUpgradeState(steady)
  await upgradeArchive(steady, to.name)
  await moveFollowers(steady)
  return { from: from.name, to: to.name, volume: to.volume, keptVolume: from.volume, pauseMs }
}

/** As it was, or after simdgres down, which removes every container, made again from what .env keeps of it. */
async function startFollower(
  stack: Stack,
  { name, volume }: ServerPlace,
  state: UpgradeState,
): Promise<void> {
  const container = await stack.findContainer(name)
  if (container) {
    if (!(await container.inspect()).State.Running) await container.start()
    return
  }
  const image = await ensureMajorImage(stack, state.fromMajor)
  await stack.startService(databaseService, { name, image, volumes: { postgres_data: volume } })
}

async function requireRollback(stack: Stack): Promise<{ move: Move; state: UpgradeState }> {
  const state = await readUpgradeState(stack)
  const previous = findPrevious(stack)
  if (!state || !previous) {
    throw new SimdgresError('ERR_UNAVAILABLE', 'There is no upgrade to roll back', 'See simdgres status.')
  }
  if (state.method === 'dump') {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The upgrade was made by a dump: ${previous.name} does not have what was written since`,
      `Its data is in the volume ${previous.volume}. To go back without later writes, restore a backup of that version.`,
    )
  }
  return { move: { from: findPrimary(stack), to: previous }, state }
}

/** Removes the server before the last move, and what an upgrade has left for its rollback. */
export async function dropOldServer(stack: Stack): Promise<{ name: string; volume: string }> {
  const state = await readUpgradeState(stack)
  const previous = findPrevious(stack)
  if (state?.method === 'logical' && previous) {
    await stack.stopService(previous.name)
    await unsubscribe(stack, stack.primary, state, 'simdgres_upgrade')
    await unpublish(stack, stack.primary, state, 'simdgres_rollback')
    await endReplication(stack, stack.primary, state)
  }
  const dropped = await dropPrevious(stack)
  await removeUpgradeState(stack)
  return dropped
}
