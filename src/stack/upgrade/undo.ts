import type { Move } from '../move/replication.js'
import type { Stack } from '../project.js'
import { endReplication, unpublish, unsubscribe } from './logical-replication.js'
import { removeUpgradeState, type UpgradeState } from './state.js'
import { openAgain } from './upgrade-exchange.js'

/** Removes all that an attempt has left in the server that it was to replace, and opens that to everybody. */
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
