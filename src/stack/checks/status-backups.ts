import { readSecondRepository } from '../../config/second-repository.js'
import { splitProfiles } from '../services/dependency-order.js'
import { clockToleranceMs } from '../sets/backup-sets.js'
import { isPhysicalScheduled } from '../sets/physical-backup.js'
import type { Stack } from '../stack.js'
import { critical, type Finding, ok, warning } from './finding.js'

const hourMs = 3600 * 1000
/** A day, plus the time that a backup of a large database takes. */
const warningHours = 26
const criticalHours = 74

/** Complete backups only: an unfinished one has another name (logical) or no manifest yet (physical). */
const findTimes = `
find /backups/logical -mindepth 1 -maxdepth 1 -type d -name '????????T??????.???Z-????' -printf 'logical %T@ %f\\n' 2>/dev/null
find /backups/pgbackrest/backup -mindepth 3 -maxdepth 3 -name backup.manifest -printf 'physical %T@ %h\\n' 2>/dev/null
stat --format='database %Y' /var/lib/postgresql/data/pgdata/PG_VERSION
if [ -e /run/secrets/repository2.conf ]; then stat --format='second %Y' /backups/repository2-made 2>/dev/null; fi
info=/backups/pgbackrest/backup/simdgres/backup.info
if [ -e "$info" ]; then
  id=$(sed -n 's/^db-id=//p' "$info" | head -n 1)
  sed -nE 's/^[0-9]{8}-[0-9]{6}F[^=]*=.*"backup-timestamp-stop":([0-9]+).*"db-id":'"$id"'[,}].*/restorable \\1/p' "$info"
fi
`

type Kind = 'logical' | 'physical' | 'second'

/** The age of the newest backup of each kind. The kinds restore different things, so one cannot stand in for the other. */
export async function checkBackups(stack: Stack, nowMs = Date.now()): Promise<Finding[]> {
  const { stdout } = await stack.exec(stack.primary, ['sh', '-c', findTimes])
  const times = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, string, string?])
  const future = times.filter(([, seconds, path]) => {
    return Math.max(Number(seconds) * 1000, timeOfName(path ?? '')) > nowMs + clockToleranceMs
  })
  const listTimesMs = (wanted: string): number[] =>
    times
      .filter((entry) => entry[0] === wanted && !future.includes(entry))
      .map(([, seconds]) => Number(seconds) * 1000)
  const backups = { logical: listTimesMs('logical'), physical: listTimesMs('physical') }
  const all = [...backups.logical, ...backups.physical]
  // A new database has nothing to lose yet. Its age counts only before the first backup: a move makes new files.
  const waitingSinceMs = all.length > 0 ? Math.min(...all) : Math.max(...listTimesMs('database'))
  const isScheduled = splitProfiles(stack.settings['COMPOSE_PROFILES']).includes('backup')
  const isPhysicalOn = isPhysicalScheduled(stack)
  const hasSecond = readSecondRepository(stack.settings) !== undefined
  return [
    ...(await findUnsaved(stack, isPhysicalOn)),
    ...future.map(([kind, , path]) => describeFuture(kind, path ?? '')),
    judge('logical', backups.logical, waitingSinceMs, isScheduled, nowMs),
    ...(isPhysicalOn ? [judge('physical', backups.physical, waitingSinceMs, isScheduled, nowMs)] : []),
    ...(hasSecond ? [judge('second', listTimesMs('second'), waitingSinceMs, isScheduled, nowMs)] : []),
    ...(backups.physical.length > 0 ? [describeReach(listTimesMs('restorable'), isPhysicalOn)] : []),
  ]
}

/** A logical set holds the application's database alone; the pool serves all. What restores have kept does not count. */
async function findUnsaved(stack: Stack, isPhysicalOn: boolean): Promise<Finding[]> {
  const rows = await stack.query(
    `SELECT datname FROM pg_database WHERE datallowconn AND datname NOT IN ('postgres', current_database())
       AND datname !~ '_[0-9]{8}_[0-9]{6}_[0-9]{3}$' AND NOT datistemplate ORDER BY 1`,
  )
  if (rows.length === 0) return []
  const message = `${rows.map(([name]) => name).join(', ')} ${rows.length === 1 ? 'is' : 'are'} in no logical set`
  if (isPhysicalOn) return [ok('other databases', `${message}; physical backups hold all`)]
  return [
    warning(
      'other databases',
      message,
      'simdgres up --profile backup also makes physical backups, which hold all of them',
    ),
  ]
}

/** Milliseconds since 1970 of a set or a physical backup; 0 for another name. */
function timeOfName(path: string): number {
  const name = path.replace(/^.*[/_]/, '')
  const match = /^(\d{4})(\d\d)(\d\d)[T-](\d\d)(\d\d)(\d\d)/.exec(name)
  if (!match) return 0
  const [, year, month, day, hour, minute, second] = match
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

/** Made while the clock was wrong, or the clock is wrong now. It does not count as the newest. */
function describeFuture(kind: string, path: string): Finding {
  const name = path.replace(/^.*\//, '')
  const removal =
    kind === 'physical'
      ? `pgbackrest --stanza=simdgres expire --set=${name}`
      : `rm -r /backups/logical/${name}`
  return critical(
    'clock',
    `the ${kind === 'database' ? 'data folder' : `${kind} backup ${name}`} is of a time to come`,
    kind === 'database'
      ? 'Correct the clock of this machine.'
      : `Correct the clock of this machine; if it is right, remove that backup, in the container of backup or postgres: ${removal}`,
  )
}

/** @param timesMs when the backups of the present cluster were complete: an upgrade makes another one of it. */
function describeReach(timesMs: readonly number[], isScheduled: boolean): Finding {
  const check = 'point in time'
  if (timesMs.length > 0) {
    return ok(check, `any time since ${new Date(Math.min(...timesMs)).toISOString()} can be restored`)
  }
  return warning(
    check,
    'no time can be restored: all physical backups are of the server before an upgrade',
    isScheduled ? 'simdgres logs backup: the schedule makes one' : 'simdgres backup --physical',
  )
}

function judge(
  kind: Kind,
  timesMs: readonly number[],
  waitingSinceMs: number,
  isScheduled: boolean,
  nowMs: number,
): Finding {
  const check = kind === 'second' ? 'second repository' : `${kind} backup`
  const ageHours = (nowMs - (timesMs.length > 0 ? Math.max(...timesMs) : waitingSinceMs)) / hourMs
  const message =
    timesMs.length === 0
      ? `none yet, after ${ageHours.toFixed(1)} hours`
      : `the newest${kind === 'second' ? '' : ` of ${timesMs.length}`} is ${ageHours.toFixed(1)} hours old`
  const hint = isScheduled
    ? 'simdgres logs backup'
    : 'simdgres backup now, simdgres up --profile backup for every day'
  if (ageHours > criticalHours) return critical(check, message, hint)
  return ageHours > warningHours ? warning(check, message, hint) : ok(check, message)
}
