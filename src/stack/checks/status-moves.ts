import { isLocked } from '../../system/file-lock.js'
import { describeServers, moveTitles, readMove } from '../move/journal.js'
import { findPrevious, moveSettings } from '../move/replication.js'
import { readUpgradeState } from '../move/upgrade-state.js'
import { lockPath } from '../settings.js'
import type { Stack } from '../stack.js'
import { critical, type Finding, ok, warning } from './finding.js'

/** A move that is under way, or was interrupted: what, since when, how far it got. Asks no server, which may be down. */
export async function checkJournal(stack: Stack): Promise<Finding[]> {
  const record = await readMove(stack)
  const volume = stack.settings[moveSettings.nextVolume]
  if (!record && !volume) return []
  const isUnderWay = await isLocked(lockPath(stack.folder))
  if (!record) {
    if (isUnderWay) return []
    return [critical('move', `one was interrupted while it filled the volume ${volume}`, 'simdgres repair')]
  }
  const { kind, since, step } = record
  const [check, servers] = [moveTitles[kind], describeServers(record)]
  return isUnderWay
    ? [ok(check, `under way${servers} since ${since}, at "${step}"`)]
    : [critical(check, `interrupted${servers}, begun ${since}, at "${step}"`, 'simdgres repair')]
}

/** Databases that an interrupted exchange has closed, while everything else looks well. */
async function checkClosed(stack: Stack): Promise<Finding[]> {
  const closed = await stack.query(
    'SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit = 0 ORDER BY 1',
    { database: 'postgres' },
  )
  if (closed.length === 0) return []
  const names = closed.map(([name]) => name).join(', ')
  return [
    critical(
      'databases',
      `CONNECTION LIMIT 0 keeps everybody out of ${names}`,
      'simdgres repair; if no move was interrupted, simdgres psql --superuser: ALTER DATABASE name CONNECTION LIMIT -1',
    ),
  ]
}

/** What a move or a restore has left to be finished, and whether the way back from an upgrade is open. */
export async function checkMoves(stack: Stack): Promise<Finding[]> {
  const restored = stack.settings[moveSettings.restoredVolume]
  return [
    ...(await checkClosed(stack)),
    ...(restored
      ? [
          warning(
            'restored server',
            `verified, and kept in the volume ${stack.volumeName(restored)}`,
            'Put it in its place with simdgres restore --resume --yes, or remove it with simdgres restore --drop-old',
          ),
        ]
      : []),
    ...(await checkFollower(stack)),
  ]
}

async function checkFollower(stack: Stack): Promise<Finding[]> {
  const previous = findPrevious(stack)
  const state = await readUpgradeState(stack)
  if (!previous || state?.method !== 'logical') return []
  const check = `way back to PostgreSQL ${state.fromMajor}`
  if (!(await stack.isRunning(previous.name))) {
    return [
      warning(
        check,
        `${previous.name} is down and keeps log of ${stack.primary} from being removed`,
        'simdgres up starts it; simdgres upgrade --rollback goes back, simdgres upgrade --drop-old --yes gives it up',
      ),
    ]
  }
  const stopped = await stack.query(
    `SELECT DISTINCT datname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid
       LEFT JOIN pg_stat_subscription t ON t.subid = s.oid AND t.relid IS NULL
     WHERE NOT subenabled OR t.pid IS NULL`,
    { service: previous.name, database: 'postgres' },
  )
  if (stopped.length === 0) return [ok(check, `${previous.name} follows`)]
  return [
    warning(
      check,
      `${previous.name} does not follow in ${stopped.map(([name]) => name).join(', ')}`,
      `See simdgres logs ${previous.name}; simdgres up lets it follow again, simdgres upgrade --drop-old --yes gives it up`,
    ),
  ]
}
