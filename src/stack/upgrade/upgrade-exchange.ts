import { throwIfAborted } from '../../errors.js'
import { type Move, moveSettings, settingsAfter, settingsBefore } from '../move/replication.js'
import type { MoveStacks } from '../move/switchover.js'
import { ensurePoolAnswers, resumeOrExplain, undoExchange } from '../pool/pool-resume.js'
import { pausePool, requirePoolAt } from '../pool/pooler.js'
import type { Stack } from '../project.js'
import { fence, unfence } from '../server/fence.js'
import { SqlSession } from '../server/sql-session.js'
import type { UpgradeState } from './state.js'

/**
 * The part that clients wait for: the server in use is closed, `work` completes the other one, the pool is sent there.
 * A failure lets clients go on at the server that they used. Resolves to the duration in milliseconds.
 * @param work gets a session of the closed server's database postgres.
 */
export async function exchange(
  { stack, steady }: MoveStacks,
  move: Move,
  state: UpgradeState,
  pauseLimitMs: number,
  work: (closed: SqlSession) => Promise<void>,
): Promise<number> {
  const { from, to } = move
  const [after, before] = listSettings(steady, move, state)
  const releaseConsole = await steady.holdPoolerConsole()
  const session = new SqlSession(steady, from.name, 'postgres')
  try {
    await session.run('SELECT 1')
    throwIfAborted(stack.signal)
    const startMs = performance.now()
    await pausePool(steady, pauseLimitMs)
    try {
      const databases = Object.keys(state.connectionLimits).filter((name) => name !== 'postgres')
      await fence(session, databases)
      await work(session)
      throwIfAborted(stack.signal)
      await steady.updateSettings(after)
      await steady.repointPool(to.name)
      await requirePoolAt(steady, to.name)
    } catch (error) {
      await undoExchange(steady, from.name, [
        () => steady.updateSettings(before),
        () => openAgain(steady, from.name, state),
        () => steady.repointPool(from.name),
      ])
      throw error
    }
    await resumeOrExplain(steady, move)
    const pauseMs = performance.now() - startMs
    await ensurePoolAnswers(steady)
    return pauseMs
  } finally {
    await Promise.allSettled([session.close(), releaseConsole()])
  }
}

function listSettings({ settings }: Stack, move: Move, { fromMajor, toMajor }: UpgradeState) {
  const isRollback = settings[moveSettings.previous] === move.to.name
  const [oldMajor, newMajor] = isRollback ? [toMajor, fromMajor] : [fromMajor, toMajor]
  const before = isRollback ? settingsAfter({ from: move.to, to: move.from }) : settingsBefore(move)
  return [
    { ...settingsAfter(move), PG_MAJOR: newMajor },
    { ...before, PG_MAJOR: oldMajor },
  ] as const
}

/** Lets everybody in again, as before the fence. */
export async function openAgain(stack: Stack, server: string, state: UpgradeState): Promise<void> {
  const session = new SqlSession(stack, server, 'postgres')
  try {
    await unfence(session, state.connectionLimits)
  } finally {
    await session.close()
  }
}
