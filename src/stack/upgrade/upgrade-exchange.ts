import { throwIfAborted } from '../../errors.js'
import {
  type ExchangeOptions,
  type ExchangeStep,
  exchange,
  nameNewPrimary,
  pointPoolAt,
} from '../move/exchange.js'
import type { MoveJournal } from '../move/journal.js'
import { type Move, moveSettings, settingsAfter, settingsBefore } from '../move/replication.js'
import type { UpgradeState } from '../move/upgrade-state.js'
import { closeServer, openAgain } from '../move/upgrade-undo.js'
import { SqlSession } from '../server/sql-session.js'
import type { Stack } from '../stack.js'

/**
 * The part that clients wait for: closes the server in use, completes the other one and sends the pool there. Resolves to
 * the milliseconds that clients waited.
 * @param completion makes the steps that complete the other server, from a session of the closed server's database
 * postgres.
 */
export async function exchangeMajors(
  stack: Stack,
  move: Move,
  state: UpgradeState,
  options: ExchangeOptions,
  completion: (closed: SqlSession) => readonly ExchangeStep[],
  journal: MoveJournal,
): Promise<number> {
  const { steady } = stack
  const [from, to] = [move.from.name, move.to.name]
  const [before, after] = listSettings(steady, move, state)
  const named = nameNewPrimary(steady, before, after)
  const session = new SqlSession(steady, from, 'postgres')
  try {
    await session.run('SELECT 1')
    return await exchange(
      stack,
      { from, to },
      options,
      [
        {
          name: 'close the old server',
          do: () => closeServer(session, state),
          undo: () => openAgain(steady, from, state),
        },
        ...completion(session),
        {
          ...named,
          async do() {
            // The last chance for Ctrl-C: a copy by a dump may have taken hours.
            throwIfAborted(stack.signal)
            await named.do()
          },
        },
        ...pointPoolAt(steady, { from, to }),
      ],
      journal,
    )
  } finally {
    // Why it ended has been reported already.
    await Promise.allSettled([session.close()])
  }
}

function listSettings({ settings }: Stack, move: Move, { fromMajor, toMajor }: UpgradeState) {
  const isRollback = settings[moveSettings.previous] === move.to.name
  const [oldMajor, newMajor] = isRollback ? [toMajor, fromMajor] : [fromMajor, toMajor]
  const before = isRollback ? settingsAfter({ from: move.to, to: move.from }) : settingsBefore(move)
  return [
    { ...before, PG_MAJOR: oldMajor },
    { ...settingsAfter(move), PG_MAJOR: newMajor },
  ] as const
}
