import { SimdgresError } from '../../errors.js'
import { moveFollowers } from '../move/followers.js'
import { MoveJournal } from '../move/journal.js'
import { clearMoveRemains } from '../move/remains.js'
import { findPrevious, findPrimary, type Move } from '../move/replication.js'
import { restartLimitMs } from '../move/restart.js'
import { endReplication, unpublish, unsubscribe } from '../move/subscriptions.js'
import type { SwitchoverOptions, SwitchoverReport } from '../move/switchover.js'
import { readUpgradeState, removeUpgradeState, type UpgradeState } from '../move/upgrade-state.js'
import { closeAgain, openAgain } from '../move/upgrade-undo.js'
import { waitUntilAnswering } from '../pool/pooler.js'
import { upgradeArchive } from '../sets/archive.js'
import { backUpNewCluster } from '../sets/physical-backup.js'
import type { Stack } from '../stack.js'
import { DatabasePair } from './comparison.js'
import { startFollower } from './follower.js'
import {
  copySequences,
  tolerateErrors,
  waitCaughtUp,
  waitFollowing,
  waitInSync,
} from './logical-replication.js'
import { exchangeMajors } from './upgrade-exchange.js'

/**
 * Goes back to the server before an upgrade, with everything written since: it has been following the new one. The new one
 * is stopped and kept until it is dropped.
 * @throws ERR_UNAVAILABLE if there is nothing to go back to, ERR_CHECK_FAILED if the old server does not follow.
 */
export async function rollBackUpgrade(stack: Stack, options: SwitchoverOptions): Promise<SwitchoverReport> {
  const { steady } = stack
  await clearMoveRemains(stack)
  const { move, state } = await requireRollback(stack)
  const { from, to } = move
  const journal = MoveJournal.begin(steady, { kind: 'rollback', ...move }, options.observe)
  await startFollower(stack, to, state)
  await waitUntilAnswering(stack, to.name, restartLimitMs)
  await waitFollowing(stack, from.name, to.name, state, 'simdgres_rollback', options.syncLimitMs)
  await waitInSync(stack, to.name, state, options.syncLimitMs)
  const pairs: DatabasePair[] = []
  let pauseMs: number
  try {
    for (const database of state.replicated) pairs.push(await DatabasePair.open(steady, move, database))
    pauseMs = await exchangeMajors(
      stack,
      move,
      state,
      options,
      (closed) => [
        {
          name: 'wait for the last rows',
          do: () => waitCaughtUp(closed, 'simdgres_rollback', options.pauseLimitMs),
        },
        {
          name: 'copy the sequences',
          async do() {
            for (const pair of pairs) await copySequences(pair.old, pair.next)
          },
        },
        {
          name: 'open the new server',
          do: () => openAgain(steady, to.name, state),
          // It goes back to following, and nobody else may write to it.
          undo: () => closeAgain(steady, to.name, state),
        },
      ],
      journal,
    )
  } catch (error) {
    if (steady.primary !== to.name) {
      // It goes on following, whatever restarts.
      await tolerateErrors(steady, to.name, state)
      await journal.end()
    }
    throw error
  } finally {
    for (const pair of pairs) await pair.close()
  }
  await journal.enter('finish the move')
  await settleRollback(steady, move, state)
  await backUpNewCluster(steady)
  await journal.end()
  return { from: from.name, to: to.name, volume: to.volume, keptVolume: from.volume, pauseMs }
}

/** The rest, which clients need not wait for. Done twice, it does no harm. */
export async function settleRollback(steady: Stack, { from, to }: Move, state: UpgradeState): Promise<void> {
  await unsubscribe(steady, to.name, state, 'simdgres_rollback')
  await steady.stopService(from.name)
  // Still there only if the upgrade was killed before its end.
  await unpublish(steady, to.name, state, 'simdgres_upgrade')
  await endReplication(steady, to.name, state)
  await upgradeArchive(steady, to.name)
  await moveFollowers(steady)
  // Last: until then a command that was killed here can be finished by another.
  await removeUpgradeState(steady)
}

/**
 * What `rollBackUpgrade` would move from and to. Changes nothing.
 * @throws ERR_UNAVAILABLE if there is nothing to go back to.
 */
export async function planRollback(stack: Stack): Promise<Move & { readonly fromMajor: string }> {
  const { move, state } = await requireRollback(stack)
  return { ...move, fromMajor: state.fromMajor }
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
