import { SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'

export const ownTables = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

/** Holds for a table in which a subscriber could not find a changed row. */
const lacksIdentity = `c.relpersistence = 'p' AND CASE c.relreplident
    WHEN 'n' THEN true
    WHEN 'd' THEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
    WHEN 'i' THEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
    ELSE false END`

export const tablesWithoutIdentity = `SELECT format('%I.%I', n.nspname, c.relname) FROM ${ownTables}
  AND ${lacksIdentity} ORDER BY 1`

/** What logical replication does not carry, as parts of a sentence. */
const kinds = `
  SELECT format('%s large objects', count(*)) FROM pg_largeobject_metadata HAVING count(*) > 0
  UNION ALL
  SELECT format('%s unlogged tables', count(*)) FROM ${ownTables} AND c.relpersistence = 'u' HAVING count(*) > 0
  UNION ALL
  SELECT format('%s tables of extensions', count(*)) FROM ${ownTables}
    AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  HAVING count(*) > 0
  UNION ALL
  SELECT format('the subscription %I', subname) FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`

/** Columns by which a subscriber would have to find changed rows, since their tables have no key. */
const comparedColumns = `
  SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname), format_type(a.atttypid, NULL)
  FROM pg_attribute a, ${ownTables} AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = '' AND (c.relreplident = 'f' OR ${lacksIdentity})
  ORDER BY 1`

/** Expressions that a subscriber evaluates for each row. The empty search_path has them printed with all schemas. */
const expressions = `
  SET search_path = '';
  SELECT format('the column %I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname),
    pg_get_expr(d.adbin, d.adrelid)
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = 's',
    ${ownTables} AND c.oid = d.adrelid
  UNION ALL
  SELECT format('the constraint %I of %I.%I', k.conname, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname),
    pg_get_expr(k.conbin, k.conrelid)
  FROM pg_constraint k, ${ownTables} AND c.oid = k.conrelid AND k.contype = 'c'
  UNION ALL
  SELECT format('the index %s', i.indexrelid::regclass), format('%I.%I', n.nspname, c.relname), e.text
  FROM pg_index i CROSS JOIN LATERAL
    (VALUES (pg_get_expr(i.indexprs, i.indrelid)), (pg_get_expr(i.indpred, i.indrelid))) AS e (text),
    ${ownTables} AND c.oid = i.indrelid AND e.text IS NOT NULL`

interface Probe {
  /** What is wrong if it fails. */
  readonly obstacle: string
  /** An expression in SQL. */
  readonly sql: string
}

/** What logical replication of a database would stop at, as parts of a sentence. Changes nothing. */
export async function findObstacles(stack: Stack, database: string): Promise<readonly string[]> {
  const found = (await stack.query(kinds, { database })).map(([text]) => text!)
  const columns = await stack.query(comparedColumns, { database })
  const evaluated = await stack.query(expressions, { database })
  return [
    ...found,
    ...(await findFailures(
      stack,
      database,
      columns.map(([column, type]) => ({
        obstacle: `the column ${column} of type ${type}, which has no equality, in a table without a key`,
        sql: `(SELECT count(*) FROM (SELECT DISTINCT NULL::${type}) AS values)`,
      })),
    )),
    ...(await findFailures(
      stack,
      database,
      evaluated.map(([what, table, expression]) => ({
        obstacle: `${what}, whose functions need a search_path`,
        sql: `(SELECT ROW(${expression})::text FROM ONLY ${table} LIMIT 1)`,
      })),
    )),
  ]
}

/** All at once, since nearly always none fails; else each half. */
async function findFailures(
  stack: Stack,
  database: string,
  probes: readonly Probe[],
): Promise<readonly string[]> {
  if (probes.length === 0 || (await succeeds(stack, database, probes))) return []
  if (probes.length === 1) return [probes[0]!.obstacle]
  const middle = Math.ceil(probes.length / 2)
  return [
    ...(await findFailures(stack, database, probes.slice(0, middle))),
    ...(await findFailures(stack, database, probes.slice(middle))),
  ]
}

/** As a subscriber does it: with an empty search_path. */
async function succeeds(stack: Stack, database: string, probes: readonly Probe[]): Promise<boolean> {
  try {
    await stack.query(
      `SET default_transaction_read_only = on; SET search_path = '';
       ${probes.map(({ sql }) => `SELECT ${sql} IS NULL;`).join('\n')}`,
      { database },
    )
    return true
  } catch (error) {
    if (error instanceof SimdgresError && error.code === 'ERR_CHECK_FAILED') return false
    throw error
  }
}
