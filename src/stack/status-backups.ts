import { splitProfiles } from './dependency-order.js'
import { critical, type Finding, ok, warning } from './finding.js'
import type { Stack } from './project.js'

const hourMs = 3600 * 1000
/** A day and the time that a backup of a large database takes. */
const warningHours = 26
const criticalHours = 74

/** Whole sets only: what is being made has another name (logical) or no manifest yet (physical). */
const findTimes = `
find /backups/logical -mindepth 1 -maxdepth 1 -type d -name '????????T??????.???Z-????' -printf '%T@\\n' 2>/dev/null
find /backups/pgbackrest/backup -mindepth 3 -maxdepth 3 -name backup.manifest -printf '%T@\\n' 2>/dev/null
echo database $(stat --format=%Y /var/lib/postgresql/data/pgdata/PG_VERSION)
`

/** The age of the newest backup of any kind. */
export async function checkBackups(stack: Stack, nowMs = Date.now()): Promise<Finding> {
  const { stdout } = await stack.exec(stack.primary, ['sh', '-c', findTimes])
  const lines = stdout.trim().split('\n')
  const madeAtMs = Number(lines.pop()?.replace('database ', '')) * 1000
  const timesMs = lines.map((line) => Number(line) * 1000)
  const isScheduled = splitProfiles(stack.settings['COMPOSE_PROFILES']).includes('backup')
  const hint = isScheduled
    ? 'simdgres logs backup'
    : 'simdgres backup now, simdgres up --profile backup for every day'
  const check = 'backup'
  // A new database has nothing to lose yet: until the first backup, its own age counts.
  const ageHours = (nowMs - Math.max(...timesMs, madeAtMs)) / hourMs
  const message =
    timesMs.length === 0
      ? `none yet of a database that is ${ageHours.toFixed(1)} hours old`
      : `the newest of ${timesMs.length} is ${ageHours.toFixed(1)} hours old`
  if (ageHours > criticalHours) return critical(check, message, hint)
  return ageHours > warningHours ? warning(check, message, hint) : ok(check, message)
}
