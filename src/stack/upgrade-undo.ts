import type { Stack } from './project.js'
import type { Move } from './replication.js'
import { openAgain } from './upgrade-exchange.js'
import { endReplication, unpublish, unsubscribe } from './upgrade-replication.js'
import { removeUpgradeState, type UpgradeState } from './upgrade-state.js'

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
