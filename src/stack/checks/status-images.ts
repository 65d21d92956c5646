import { readPackageTime } from '../../engine/images/fresh-base.js'
import { listEnabledServices, splitProfiles } from '../services/dependency-order.js'
import { databaseService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { type Finding, ok, warning } from './finding.js'

const dayMs = 24 * 3600 * 1000
/** PostgreSQL's minor versions come every three months, and Debian's security updates on any day. */
const warningDays = 45

/** How old the packages in the images are that run now: an image is never patched by itself. */
export async function checkImages(stack: Stack, nowMs = Date.now()): Promise<Finding[]> {
  const enabled = listEnabledServices(stack.compose, splitProfiles(stack.settings['COMPOSE_PROFILES']))
  const times = new Map<string, number>()
  for (const service of enabled) {
    const name = service === databaseService ? stack.primary : service
    const container = await stack.findContainer(name)
    if (!container) continue
    const time = await readPackageTime(stack.engine, (await container.inspect()).Image)
    if (time !== undefined) times.set(name, time)
  }
  return times.size === 0 ? [] : [judgeImages(times, nowMs)]
}

/** @param times when packages were installed, by service, in milliseconds since 1970. */
export function judgeImages(times: ReadonlyMap<string, number>, nowMs: number): Finding {
  const [name, oldestMs] = [...times].reduce((oldest, one) => (one[1] < oldest[1] ? one : oldest))
  const days = Math.floor((nowMs - oldestMs) / dayMs)
  const message = `packages of ${name} are of ${new Date(oldestMs).toISOString().slice(0, 10)}, ${days} days old`
  if (days < warningDays) return ok('images', message)
  return warning(
    'images',
    message,
    'simdgres up --rebuild builds all images with the packages of today; simdgres switchover --rebuild does, without an outage of the database',
  )
}
