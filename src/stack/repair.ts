import { ensureBase } from './images/fresh-images.js'
import { describeServers, forgetMove, type MoveRecord, moveTitles, readMove } from './move/journal.js'
import { rebuildIndexes } from './move/processor-indexes.js'
import { clearMoveRemains, isMoveInterrupted, isPastReturn, leadPoolTo, revive } from './move/remains.js'
import { findPrimary } from './move/replication.js'
import { settleSwitchover } from './move/switchover.js'
import { readUpgradeState, type UpgradeState } from './move/upgrade-state.js'
import { openAgain } from './move/upgrade-undo.js'
import { ensurePoolAnswers } from './pool/pool-check.js'
import { settleRestore } from './restore/point-in-time.js'
import { keepReady } from './restore/swap.js'
import { poolerService } from './services/service-names.js'
import { backUpNewCluster } from './sets/physical-backup.js'
import type { Stack } from './stack.js'
import { keepFollowing } from './upgrade/follower.js'
import { settleRollback } from './upgrade/rollback.js'
import { settleUpgrade } from './upgrade/upgrade.js'

export interface RepairPlan {
  /** A move is undone while the server before it is the one in use, and finished after that. */
  readonly action: 'none' | 'undo' | 'finish'
  /** In words: `undo the switchover from postgres to postgres-green ...`. */
  readonly text: string
}

/** What `repairMove` would do. Changes nothing. */
export async function planRepair(stack: Stack): Promise<RepairPlan> {
  const record = await readMove(stack)
  if (record) {
    const { kind, step, since } = record
    const action = isPastReturn(stack, record) ? 'finish' : 'undo'
    const move = `${moveTitles[kind]}${describeServers(record)}`
    return { action, text: `${action} the ${move}, begun ${since} and interrupted at "${step}"` }
  }
  if (await isMoveInterrupted(stack)) return { action: 'undo', text: 'undo a move that was interrupted' }
  return { action: 'none', text: 'no move was interrupted' }
}

/**
 * What every move begins with: `repairMove`, and a base to build its images on.
 * @param replacesPrimary as of clearMoveRemains.
 */
export async function prepareMove(stack: Stack, replacesPrimary = false): Promise<void> {
  await repairMove(stack, replacesPrimary)
  await ensureBase(stack)
}

/**
 * Undoes or finishes a move whose command was killed, or could not undo all of it. For a caller that holds the stack's lock:
 * a move that is under way looks the same.
 * @param replacesPrimary as of clearMoveRemains.
 * @throws what starting a server or asking it throws; the move can then be repaired again.
 */
export async function repairMove(stack: Stack, replacesPrimary = false): Promise<RepairPlan> {
  const plan = await planRepair(stack)
  const record = await readMove(stack)
  if (plan.action !== 'none') await ensureBase(stack)
  if (plan.action === 'finish') await finish(stack, record!)
  if (plan.action === 'undo') await clearMoveRemains(stack, replacesPrimary)
  // The rollback had it stop at an error; it goes on following, whatever restarts.
  if (plan.action === 'undo' && record?.kind === 'rollback') await keepFollowing(stack)
  if (record?.restored !== undefined) await keepReady(stack, record.restored)
  return plan
}

/** From the step on that names the new server in .env: all that comes after it, some of it perhaps a second time. */
async function finish(stack: Stack, record: MoveRecord): Promise<void> {
  const { kind, from, to } = record
  stack.progress.note(`the ${moveTitles[kind]} was interrupted; finishing it`)
  const upgrade = await readUpgradeState(stack)
  // Two servers that accept writes are never up at the same time. After an upgrade the old one is closed, and follows.
  if (kind !== 'upgrade') await stack.stopService(from.name)
  await revive(stack, to.name, false)
  if (kind === 'rollback' && upgrade) await openAgain(stack, to.name, upgrade)
  await leadPoolTo(stack, to.name, false)
  if (await stack.isRunning(poolerService)) await ensurePoolAnswers(stack)
  await settle(stack, record, upgrade)
  await forgetMove(stack)
}

async function settle(
  stack: Stack,
  { kind, from, to, staleIndexes, repository }: MoveRecord,
  upgrade: UpgradeState | undefined,
): Promise<void> {
  const { steady } = stack
  const move = { from, to: findPrimary(stack) }
  if (kind === 'switchover') {
    await settleSwitchover(steady, move)
    await rebuildIndexes(steady, to.name, staleIndexes, true)
  }
  if (kind === 'restore') await settleRestore(steady, move, repository)
  if (kind === 'rollback' && upgrade) await settleRollback(steady, move, upgrade)
  if (kind === 'upgrade' && upgrade) {
    await revive(stack, from.name, false)
    await settleUpgrade(steady, move, upgrade)
    stack.progress.note(
      'the tables of both servers were not compared; simdgres upgrade --rollback still goes back',
    )
  }
  if (kind === 'upgrade' || kind === 'rollback') await backUpNewCluster(steady)
}
