import { SimdgresError } from '../../errors.js'
import type { Move } from '../move/replication.js'
import type { UpgradeState } from '../move/upgrade-state.js'
import { quoteLiteral } from '../server/quote.js'
import type { Stack } from '../stack.js'
import { readSearchPath } from './new-server.js'
import { ownTables } from './obstacles.js'

/**
 * Holds for an index `i` by which a subscriber finds a changed row of a table without a key: since PostgreSQL 16 by a btree, since
 * 17 by a hash index as well. Without one it reads the whole table for each change.
 */
const findsRows = `i.indpred IS NULL AND i.indkey[0] <> 0
  AND EXISTS (SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = i.indexrelid AND a.amname IN ('btree', 'hash'))
  AND EXISTS (SELECT FROM pg_class t WHERE t.oid = i.indrelid AND t.relreplident = 'f')`

/**
 * Indexes that queries alone need. Those of keys and constraints stay, and those of tables without a key: by them a changed row is
 * found. Each is the root of a tree, which has branches where its table has partitions.
 */
const roots = `
  SELECT i.indexrelid AS oid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND t.relkind IN ('r', 'p') AND i.indisvalid
    AND NOT (i.indisunique OR i.indisreplident OR i.indisclustered OR (${findsRows}))
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
    AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_partition_tree(i.indexrelid) AS part ON d.objid = part.relid
                    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass)
    AND NOT EXISTS (SELECT FROM pg_partition_tree(i.indexrelid) AS part JOIN pg_index b ON b.indexrelid = part.relid
                    WHERE b.indisclustered OR b.indisreplident)
    AND NOT EXISTS (SELECT FROM pg_partition_tree(i.indexrelid) AS part JOIN pg_index b ON b.indexrelid = part.relid
                    WHERE ${findsRows.replaceAll('i.ind', 'b.ind')})`

/** Statements, in their order: with an empty search_path, so that every name has its schema. */
const statements = `
  SET search_path = '';
  WITH root AS (${roots}),
  part AS (
    SELECT root.oid AS root, c.oid, c.relkind, c.oid::regclass::text AS name, i.inhparent::regclass::text AS parent,
      pg_get_indexdef(c.oid) AS definition
    FROM root CROSS JOIN LATERAL (
      SELECT relid FROM pg_partition_tree(root.oid) UNION SELECT root.oid
    ) AS tree JOIN pg_class c ON c.oid = tree.relid LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  )
  SELECT 0, 'drop', format('DROP INDEX %s', name) FROM part WHERE oid = root
  UNION ALL SELECT 1, name, CASE relkind WHEN 'I' THEN definition
    ELSE regexp_replace(definition, '^CREATE INDEX', 'CREATE INDEX CONCURRENTLY') END FROM part
  UNION ALL SELECT 2, name, format('ALTER INDEX %s ATTACH PARTITION %s', parent, name) FROM part WHERE parent IS NOT NULL
  UNION ALL SELECT 3, name, format('COMMENT ON INDEX %s IS %L', name, obj_description(oid, 'pg_class')) FROM part
    WHERE obj_description(oid, 'pg_class') IS NOT NULL
  UNION ALL SELECT 4, name, format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', name, attnum, attstattarget)
    FROM part JOIN pg_attribute ON attrelid = part.oid WHERE attstattarget >= 0
  ORDER BY 1, 2`

const names = `
  SET search_path = '';
  SELECT i.indexrelid::regclass FROM pg_index i, ${ownTables.replace("c.relkind = 'r'", "c.relkind IN ('r', 'p', 'm')")}
    AND c.oid = i.indrelid AND i.indisvalid ORDER BY 1`

interface LaterIndex {
  readonly name: string
  readonly statement: string
}

/** By database, what makes them again, in its order. */
export type LaterIndexes = ReadonlyMap<string, readonly LaterIndex[]>

/**
 * Removes indexes from the empty tables of a new server: made from all rows at once they take a part of the time and of the log
 * that one row after the other would.
 */
export async function dropIndexes(
  stack: Stack,
  server: string,
  { replicated }: UpgradeState,
): Promise<LaterIndexes> {
  const later = new Map<string, LaterIndex[]>()
  for (const database of replicated) {
    const rows = await stack.query(statements, { database, service: server })
    const drops = rows.filter(([order]) => order === '0').map(([, , text]) => text)
    if (drops.length === 0) continue
    await stack.query(drops.join(';\n'), { database, service: server })
    const made = rows.filter(([order]) => order !== '0')
    later.set(
      database,
      made.map(([, name, text]) => ({ name: name!, statement: text! })),
    )
  }
  return later
}

/**
 * Makes them from the rows, while the server goes on following: the log that the old one has to keep for it does not grow with the
 * time of a build.
 * @throws ERR_CHECK_FAILED where the servers then have not the same indexes.
 */
export async function makeIndexes(stack: Stack, move: Move, later: LaterIndexes): Promise<void> {
  for (const [database, indexes] of later) {
    const searchPath = await readSearchPath(stack, move.from.name, database)
    for (const [done, { name, statement }] of indexes.entries()) {
      stack.progress.step(`making the indexes of ${database}, ${name}`, done, indexes.length)
      await stack.query(`SET search_path = ${searchPath};\n${statement}`, { database, service: move.to.name })
    }
    await requireSameIndexes(stack, move, database)
  }
}

async function requireSameIndexes(stack: Stack, { from, to }: Move, database: string): Promise<void> {
  const read = async (service: string): Promise<string[]> =>
    (await stack.query(names, { database, service })).map(([name]) => name!)
  const [old, next] = [await read(from.name), await read(to.name)]
  const missing = old.filter((name) => !next.includes(name))
  if (missing.length === 0) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The new server has not these indexes of ${database}: ${missing.map(quoteLiteral).join(', ')}`,
    'The old server goes on. Were they made during the upgrade? Start it again, and let no migration run meanwhile.',
  )
}
