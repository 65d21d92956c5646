import { fence, unfence } from '../server/fence.js'
import { SqlSession } from '../server/sql-session.js'
import type { Stack } from '../stack.js'
import type { Move } from './replication.js'
import { endReplication, unpublish, unsubscribe } from './subscriptions.js'
import { removeUpgradeState, type UpgradeState } from './upgrade-state.js'

/** Removes everything that an attempt left in the server it was to replace, and opens that server to everybody. */
export async function undoUpgrade(stack: Stack, { from, to }: Move, state: UpgradeState): Promise<void> {
  await openAgain(stack, from.name, state)
  if (state.method === 'logical') {
    await unsubscribe(stack, from.name, state, 'simdgres_rollback')
    await stack.removeService(to.name)
    await unpublish(stack, from.name, state, 'simdgres_upgrade')
    await endReplication(stack, from.name, state)
  }
  await removeUpgradeState(stack)
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

/** Lets nobody but superusers into the databases of clients. @param session of the server's database postgres. */
export async function closeServer(session: SqlSession, { connectionLimits }: UpgradeState): Promise<void> {
  await fence(
    session,
    Object.keys(connectionLimits).filter((name) => name !== 'postgres'),
  )
}

/** Closes a server that was opened before a failure. */
export async function closeAgain(stack: Stack, server: string, state: UpgradeState): Promise<void> {
  const session = new SqlSession(stack, server, 'postgres')
  try {
    await closeServer(session, state)
  } finally {
    await session.close()
  }
}
