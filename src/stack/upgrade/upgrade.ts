import { moveFollowers } from '../move/followers.js'
import { MoveJournal } from '../move/journal.js'
import { clearMoveRemains, discardAfterFailure, discardTarget } from '../move/remains.js'
import { type Move, moveSettings, planMove } from '../move/replication.js'
import { unpublish, unsubscribe } from '../move/subscriptions.js'
import type { SwitchoverOptions } from '../move/switchover.js'
import { type UpgradeState, writeUpgradeState } from '../move/upgrade-state.js'
import { openAgain, undoUpgrade } from '../move/upgrade-undo.js'
import { requireParameters } from '../parameters/server-parameters.js'
import { stopArchiving, upgradeArchive } from '../sets/archive.js'
import { backUpNewCluster } from '../sets/physical-backup.js'
import type { Stack } from '../stack.js'
import { DatabasePair, type VerifiedContents } from './comparison.js'
import { dropIndexes, makeIndexes } from './later-indexes.js'
import {
  allowSubscriptions,
  copySequences,
  setFullIdentity,
  subscribe,
  waitCaughtUp,
  waitFollowing,
  waitInSync,
} from './logical-replication.js'
import { compareExtensions, copyDatabases, ensureMajorImage, startEmptyServer } from './new-server.js'
import { readSchemas, requireSameSchema, surveyServer } from './survey.js'
import { copySystemSettings } from './system-settings.js'
import { exchangeMajors } from './upgrade-exchange.js'

export interface UpgradeOptions extends SwitchoverOptions {
  readonly toMajor: string
  readonly method: UpgradeState['method']
}

export interface UpgradeReport extends VerifiedContents {
  readonly from: string
  readonly to: string
  readonly fromMajor: string
  readonly toMajor: string
  readonly method: UpgradeState['method']
  readonly volume: string
  readonly keptVolume: string
  /** From PAUSE to the end of RESUME. */
  readonly pauseMs: number
  /** Extensions whose version differs: `claude_agents_auth: vector 0.8.0 -> 0.8.1`. */
  readonly extensionChanges: readonly string[]
}

/**
 * Moves the stack to another major version of PostgreSQL. Logical: a new server receives roles, schemas and rows and
 * follows the old one. While PgBouncer holds clients back, the old server is closed, the new one receives the last rows
 * and the sequences, and the pool is sent there. From then on the old server follows the new one, for a rollback. Dump:
 * the same, but clients are held back for as long as a dump and its restore take. Until clients are let go, any failure
 * leaves the old server at work.
 * @throws ERR_UNAVAILABLE, ERR_CHECK_FAILED or ERR_ABORTED; the message says which server is active.
 */
export async function upgradeStack(stack: Stack, options: UpgradeOptions): Promise<UpgradeReport> {
  const { steady } = stack
  const { toMajor, method } = options
  await clearMoveRemains(stack)
  const move = await planMove(stack, 'upgrade')
  const state = await surveyServer(stack, toMajor, method)
  const image = await ensureMajorImage(stack, toMajor)
  await requireParameters(stack, image)
  const journal = MoveJournal.begin(steady, { kind: 'upgrade', ...move }, options.observe)
  const pairs: DatabasePair[] = []
  try {
    await journal.enter('start the new server')
    await steady.updateSettings({ [moveSettings.nextVolume]: move.to.volume })
    await writeUpgradeState(steady, state)
    stack.progress.note(`starting PostgreSQL ${toMajor} as ${move.to.name} (volume ${move.to.volume})`)
    await startEmptyServer(stack, move, image)
    await copySystemSettings(stack, move)
    const moveRows = method === 'logical' ? moveByReplication : moveByDump
    const pauseMs = await moveRows(stack, move, state, options, pairs, journal)
    await journal.enter('finish the move')
    await settleUpgrade(steady, move, state)
    const verified = await compareAll(pairs).finally(async () => {
      await backUpNewCluster(steady)
      await journal.end()
    })
    return {
      ...verified,
      from: move.from.name,
      to: move.to.name,
      fromMajor: state.fromMajor,
      toMajor,
      method,
      volume: move.to.volume,
      keptVolume: move.from.volume,
      pauseMs,
      extensionChanges: (await Promise.all(pairs.map(compareExtensions))).flat(),
    }
  } catch (error) {
    await discardAfterFailure(steady, move, journal, async () => {
      await undoUpgrade(steady, move, state)
      await discardTarget(steady, move)
    })
    throw error
  } finally {
    for (const pair of pairs) await pair.close()
  }
}

async function moveByReplication(
  stack: Stack,
  move: Move,
  state: UpgradeState,
  options: UpgradeOptions,
  pairs: DatabasePair[],
  journal: MoveJournal,
): Promise<number> {
  const { from, to } = move
  await journal.enter('copy the schemas')
  await allowSubscriptions(stack, from.name, state)
  for (const [database, tables] of Object.entries(state.fullIdentity)) {
    stack.progress.note(
      `${database}: REPLICA IDENTITY FULL for the time of the upgrade: ${tables.join(', ')}`,
    )
  }
  await setFullIdentity(stack, from.name, state)
  const schemas = await readSchemas(stack, from.name, state)
  await copyDatabases(stack, move, state, 'schema')
  const later = await dropIndexes(stack, to.name, state)
  await journal.enter('copy the rows')
  await subscribe(stack, from.name, to.name, state, 'simdgres_upgrade', true)
  await waitInSync(stack, to.name, state, options.syncLimitMs)
  await journal.enter('make the indexes')
  await makeIndexes(stack, move, later)
  await waitFollowing(stack, from.name, to.name, state, 'simdgres_upgrade', options.syncLimitMs)
  await journal.enter('prepare the way back')
  await subscribe(stack, to.name, from.name, state, 'simdgres_rollback', false)
  await refreshViews(stack, move, state)
  await analyse(stack, to.name, state)
  for (const database of state.replicated) pairs.push(await DatabasePair.open(stack.steady, move, database))
  return exchangeMajors(
    stack,
    move,
    state,
    options,
    (old) => [
      { name: 'compare the schemas', do: () => requireSameSchema(pairs, schemas) },
      {
        name: 'wait for the last rows',
        do: () => waitCaughtUp(old, 'simdgres_upgrade', options.pauseLimitMs),
      },
      {
        name: 'copy the sequences',
        async do() {
          for (const pair of pairs) {
            await copySequences(pair.old, pair.next)
            await pair.freeze()
          }
        },
      },
    ],
    journal,
  )
}

async function moveByDump(
  stack: Stack,
  move: Move,
  state: UpgradeState,
  options: UpgradeOptions,
  pairs: DatabasePair[],
  journal: MoveJournal,
): Promise<number> {
  stack.progress.note('clients are held back while the databases are copied; after 60 s their queries fail')
  const { steady } = stack
  return exchangeMajors(
    stack,
    move,
    state,
    options,
    () => [
      {
        name: 'copy the databases',
        async do() {
          // Not steady: Ctrl-C ends the copy, since clients are waiting for it.
          await copyDatabases(stack, move, state, 'all')
          await analyse(stack, move.to.name, state)
          // The fence was copied with the databases.
          await openAgain(steady, move.to.name, state)
        },
      },
      {
        name: 'compare the databases',
        async do() {
          for (const database of Object.keys(state.connectionLimits)) {
            const pair = await DatabasePair.open(steady, move, database)
            pairs.push(pair)
            await pair.freeze()
            // No server follows the new one, so a difference has to be found before anybody writes to it.
            await pair.compare()
          }
        },
      },
    ],
    journal,
  )
}

/** Statements for populated materialized views, those that others read first; none can read one that is not populated. */
const viewsInOrder = `
  WITH RECURSIVE reads AS (
    SELECT DISTINCT r.ev_class AS reader, d.refobjid AS read FROM pg_rewrite r
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
      JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('v', 'm')
  ), place AS (
    SELECT oid, 0 AS level FROM pg_class WHERE relkind = 'm'
    UNION SELECT reader, level + 1 FROM place JOIN reads ON read = oid
  ), unreadable AS (
    SELECT oid FROM pg_class WHERE relkind = 'm' AND NOT relispopulated
    UNION SELECT reader FROM unreadable JOIN reads ON read = oid
  )
  SELECT format('REFRESH MATERIALIZED VIEW %I.%I;', n.nspname, c.relname)
  FROM place JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'm' AND c.oid NOT IN (SELECT oid FROM unreadable)
  GROUP BY n.nspname, c.relname ORDER BY max(level)`

/** Fills materialized views, which are not replicated, from the replicated tables. */
async function refreshViews(stack: Stack, { from, to }: Move, { replicated }: UpgradeState): Promise<void> {
  for (const database of replicated) {
    const statements = await stack.query(viewsInOrder, { database, service: from.name })
    if (statements.length === 0) continue
    await stack.query(statements.map(([text]) => text).join('\n'), { database, service: to.name })
  }
}

/** Gathers statistics, which are not copied: without them plans are poor. */
async function analyse(stack: Stack, service: string, state: UpgradeState): Promise<void> {
  for (const database of Object.keys(state.connectionLimits)) {
    await stack.query('ANALYZE', { database, service })
  }
}

const setRights = `export PGPASSWORD="$(</run/secrets/postgres_password)"
  exec psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --single-transaction --output=/dev/null \\
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --file=/usr/local/lib/simdgres/set-rights.sql`

/** The rest, which clients need not wait for. Done twice, it does no harm. The old server has to run. */
export async function settleUpgrade(steady: Stack, { from, to }: Move, state: UpgradeState): Promise<void> {
  if (state.method === 'logical') {
    await unsubscribe(steady, to.name, state, 'simdgres_upgrade')
    await unpublish(steady, from.name, state, 'simdgres_upgrade')
  }
  await stopArchiving(steady, from.name)
  await upgradeArchive(steady, to.name)
  // The copy has the rights of the old server; those of a fresh one are narrower.
  const rights = await steady.exec(to.name, ['bash', '-euc', setRights])
  if (rights.exitCode !== 0) {
    steady.progress.note(`rights of roles are not those of the image: ${rights.stderr.trim()}`)
  }
  await moveFollowers(steady)
}

async function compareAll(pairs: readonly DatabasePair[]): Promise<VerifiedContents> {
  const sum = { tables: 0, rows: 0 }
  for (const pair of pairs) {
    const { tables, rows } = await pair.compare()
    sum.tables += tables
    sum.rows += rows
  }
  return sum
}
