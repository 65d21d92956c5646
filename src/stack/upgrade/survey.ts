import { invalidArgument, SimdgresError } from '../../errors.js'
import type { UpgradeState } from '../move/upgrade-state.js'
import type { Stack } from '../stack.js'
import type { DatabasePair } from './comparison.js'
import { findObstacles, ownTables, tablesWithoutIdentity } from './obstacles.js'

/** max_logical_replication_workers is 4: one for each database, and one that copies tables. */
const mostReplicated = 3

/**
 * Differs after any change of the schema. Rows are replicated but changes of tables are not, so the servers would drift
 * apart.
 */
const schemaFingerprint = `
  SELECT md5(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), '')) FROM (
    -- A table without columns has one line: %s takes the name that is missing, %I does not.
    SELECT format('%s %I.%I %s %s %s', c.relkind, n.nspname, c.relname, quote_ident(a.attname),
                  format_type(a.atttypid, a.atttypmod), a.attnotnull) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_'
    UNION ALL SELECT format('%s %s', p.oid::regprocedure, md5(p.prosrc)) FROM pg_proc p
      JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
      WHERE conrelid > 0
  ) AS lines`

export async function readMajor(stack: Stack): Promise<string> {
  const [row] = await stack.query("SELECT current_setting('server_version_num')::integer / 10000")
  return row![0]!
}

/**
 * Looks at what the upgrade has to carry over. Changes nothing.
 * @throws ERR_INVALID_ARGUMENT for a version that is not newer, ERR_CHECK_FAILED for what the method does not carry.
 */
export async function surveyServer(
  stack: Stack,
  toMajor: string,
  method: UpgradeState['method'],
): Promise<UpgradeState> {
  const fromMajor = await readMajor(stack)
  if (!(Number(toMajor) > Number(fromMajor))) {
    throw invalidArgument('--to', `a version above ${fromMajor}, which runs`, toMajor)
  }
  const rows = await stack.query(
    'SELECT datname, datconnlimit FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname',
    { database: 'postgres' },
  )
  const connectionLimits = Object.fromEntries(rows.map(([name, limit]) => [name!, Number(limit)]))
  const base = { method, fromMajor, toMajor, connectionLimits }
  if (method === 'dump') return { ...base, replicated: [], fullIdentity: {} }
  await requireLogicalLog(stack)
  const replicated: string[] = []
  const fullIdentity: Record<string, string[]> = {}
  for (const database of Object.keys(connectionLimits)) {
    await requireReplicable(stack, database)
    const [count] = await stack.query(`SELECT count(*) FROM ${ownTables}`, { database })
    if (count![0] === '0') continue
    replicated.push(database)
    const tables = (await stack.query(tablesWithoutIdentity, { database })).map(([name]) => name!)
    if (tables.length > 0) fullIdentity[database] = tables
  }
  if (replicated.length > mostReplicated) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `Logical replication of ${replicated.length} databases at once needs more workers than the server has`,
      'Drop databases that restores have kept, or use --method dump.',
    )
  }
  return { ...base, replicated, fullIdentity }
}

async function requireLogicalLog(stack: Stack): Promise<void> {
  const [row] = await stack.query('SHOW wal_level')
  if (row?.[0] === 'logical') return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `The server was started with wal_level=${row?.[0]}; logical replication needs wal_level=logical`,
    'Move to a server with the present settings first, without downtime: simdgres switchover',
  )
}

async function requireReplicable(stack: Stack, database: string): Promise<void> {
  const found = await findObstacles(stack, database)
  if (found.length === 0) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `${database} has ${found.join(', ')}, which logical replication does not carry`,
    'Remove them (add a primary key, make json jsonb, ALTER FUNCTION ... SET search_path = public), or use --method dump.',
  )
}

/** The schema of each replicated database, as a hash. */
export async function readSchemas(
  stack: Stack,
  service: string,
  { replicated }: UpgradeState,
): Promise<ReadonlyMap<string, string>> {
  const schemas = new Map<string, string>()
  for (const database of replicated) {
    const [row] = await stack.query(schemaFingerprint, { database, service })
    schemas.set(database, row![0]!)
  }
  return schemas
}

/** @throws ERR_CHECK_FAILED if a schema has changed since it was copied. */
export async function requireSameSchema(
  pairs: readonly DatabasePair[],
  copied: ReadonlyMap<string, string>,
): Promise<void> {
  for (const { database, old } of pairs) {
    const [row] = await old.run(schemaFingerprint)
    if (row![0] === copied.get(database)) continue
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The schema of ${database} was changed during the upgrade; the new server does not have the change`,
      'Start the upgrade again, and let no migration run meanwhile. The old server goes on.',
    )
  }
}
