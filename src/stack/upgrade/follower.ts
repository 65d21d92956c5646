import { SimdgresError } from '../../errors.js'
import { findPrevious, type ServerPlace } from '../move/replication.js'
import { restartLimitMs } from '../move/restart.js'
import { readUpgradeState, type UpgradeState } from '../move/upgrade-state.js'
import { waitUntilAnswering } from '../pool/pooler.js'
import { databaseService, dataVolume } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { tolerateErrors } from './logical-replication.js'
import { ensureMajorImage } from './new-server.js'

/**
 * Has the server before an upgrade follow the new one again, where it is down, was removed by `down`, or has stopped. Until then
 * the new one keeps log for it. The stack works without it, so a failure is noted.
 */
export async function keepFollowing(stack: Stack): Promise<void> {
  const previous = findPrevious(stack)
  const state = await readUpgradeState(stack)
  if (!previous || state?.method !== 'logical') return
  try {
    await startFollower(stack, previous, state)
    await waitUntilAnswering(stack, previous.name, restartLimitMs)
    await tolerateErrors(stack, previous.name, state)
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code === 'ERR_ABORTED') throw error
    stack.progress.note(`${previous.name}, the way back from the upgrade, does not follow: ${error.message}`)
  }
}

/** Starts the old server as it was or, if simdgres down has removed its container, from what .env says of it. */
export async function startFollower(
  stack: Stack,
  { name, volume }: ServerPlace,
  state: UpgradeState,
): Promise<void> {
  if (await stack.findContainer(name)) return stack.startAgain(name)
  const image = await ensureMajorImage(stack, state.fromMajor)
  await stack.startService(databaseService, { name, image, volumes: { [dataVolume]: volume } })
}
