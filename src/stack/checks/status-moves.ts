import { findPrevious, moveSettings } from '../move/replication.js'
import { readUpgradeState } from '../move/upgrade-state.js'
import type { Stack } from '../stack.js'
import { type Finding, ok, warning } from './finding.js'

/** What a move or a restore has left to be finished, and whether the way back from an upgrade is open. */
export async function checkMoves(stack: Stack): Promise<Finding[]> {
  const restored = stack.settings[moveSettings.restoredVolume]
  return [
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
        'simdgres upgrade --rollback starts it and goes back; simdgres upgrade --drop-old --yes gives it up',
      ),
    ]
  }
  const stopped = await stack.query(
    'SELECT datname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE NOT subenabled',
    { service: previous.name, database: 'postgres' },
  )
  if (stopped.length === 0) return [ok(check, `${previous.name} follows`)]
  return [
    warning(
      check,
      `${previous.name} has stopped following in ${stopped.map(([name]) => name).join(', ')}`,
      `See simdgres logs ${previous.name}; simdgres upgrade --rollback lets it follow again, --drop-old gives it up`,
    ),
  ]
}
