import { SimdgresError } from '../../errors.js'
import { databaseService, poolerService } from '../services/service-names.js'
import type { Stack } from '../stack.js'

/**
 * Replaces the containers of running services that read the server's files or ask it past the pool (backup, exporters):
 * their settings name the server and its volume. The move itself is done, so a service that fails here is only reported,
 * and left to `simdgres up`.
 */
export async function moveFollowers(stack: Stack): Promise<void> {
  for (const service of Object.keys(stack.compose.services)) {
    if (service === databaseService || service === poolerService) continue
    if (!(await stack.isRunning(service))) continue
    try {
      await stack.startService(service)
    } catch (error) {
      if (!(error instanceof SimdgresError)) throw error
      stack.progress.note(`${service} does not follow: ${error.message}. Run simdgres up.`)
    }
  }
}
