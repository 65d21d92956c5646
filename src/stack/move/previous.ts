import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'
import { findPrevious, findPrimary, moveSettings, type ServerPlace } from './replication.js'
import { endReplication, unpublish, unsubscribe } from './subscriptions.js'
import { readUpgradeState, removeUpgradeState } from './upgrade-state.js'

/**
 * Removes the server before the last move with its data, and what an upgrade has left for its rollback.
 * @throws ERR_UNAVAILABLE where none is kept.
 */
export async function dropOldServer(stack: Stack): Promise<ServerPlace> {
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
  const state = await readUpgradeState(stack)
  if (state?.method === 'logical') {
    await stack.stopService(previous.name)
    await unsubscribe(stack, primary.name, state, 'simdgres_upgrade')
    await unpublish(stack, primary.name, state, 'simdgres_rollback')
    await endReplication(stack, primary.name, state)
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
  await removeUpgradeState(stack)
  return previous
}
