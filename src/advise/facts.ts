import { invalidArgument } from '../errors.js'
import type { VectorType } from '../paths/own-table/table.js'
import type { Session } from '../paths/server/session.js'
import { foreignCode } from './foreign-code.js'

/** A column of vectors, with what the catalogue and the statistics say of its table. */
export interface VectorColumn {
  readonly oid: number
  /** With its schema, quoted; so is the column. */
  readonly relation: string
  readonly column: string
  /** As it is, for options that take a name. */
  readonly name: string
  readonly type: VectorType
  /** 0 where the type does not name them. */
  readonly dims: number
  /** `p` of PLAIN, as in pg_attribute. */
  readonly storage: string
  /** By the statistics: the larger of the planner's and of the counted rows. */
  readonly rows: number
  readonly heapBytes: number
  readonly toastBytes: number
  /** The most that a row has beside the table's columns of vectors: its header, and the other columns. */
  readonly otherBytes: number
  /** Views, policies, triggers, generated columns and other indexes that read the column, as the server describes them. */
  readonly dependents: readonly string[]
  /** A parent's, which alone may change its type. */
  readonly isInherited: boolean
  readonly isReadable: boolean
  /** Code of others that a search of the table would run with the rights of whoever asks, as the server describes it. */
  readonly foreignCode: readonly string[]
  /** The key's column, where the key is one column of a type that tells rows apart. */
  readonly key: string | null
  readonly indexes: readonly VectorIndex[]
}

/** An index on the column or on an expression of it. */
export interface VectorIndex {
  /** With its schema, quoted. */
  readonly name: string
  /** As plans name it. */
  readonly bareName: string
  readonly method: string
  readonly operatorClass: string
  /** The operator that it orders by, `<=>`. */
  readonly operator: string | null
  readonly isExpression: boolean
  /** `(embedding)::halfvec(64)`; null where it is on the column itself. */
  readonly expression: string | null
  /** The condition of a partial index. */
  readonly condition: string | null
  readonly isValid: boolean
  readonly bytes: number
  /** Of the rows that it has, by the statistics; 0 or less where they do not know. */
  readonly rows: number
  /** What it keeps, which an expression makes another than the column's; null where it is none of these types. */
  readonly type: VectorType | null
  /** 0 where the type does not name them. */
  readonly dims: number
  /** The statement that makes it. */
  readonly definition: string
  /** Its storage parameters, `m` and `lists` among them. */
  readonly options: Readonly<Record<string, number>>
}

/** How much of a table is known to the planner. */
export interface TableStatistics {
  readonly relation: string
  readonly rows: number
  readonly isAnalysed: boolean
  readonly changes: number
}

/** An index of any kind that no search may use. */
export interface InvalidIndex {
  readonly relation: string
  readonly name: string
  /** Of the same definition, and valid. */
  readonly twin: string | null
  /** A session has the lock that builds and vacuum take on the table. */
  readonly isBusy: boolean
}

/** A server parameter, as this session has it. */
export interface Parameter {
  readonly name: string
  readonly bytes: number
  readonly source: string
  readonly isPending: boolean
}

/** All that the checks of the catalogue read. */
export interface Facts {
  readonly version: number
  readonly database: string
  /** A server that replays another's changes, and does not see who makes them. */
  readonly isStandby: boolean
  readonly columns: readonly VectorColumn[]
  readonly statistics: readonly TableStatistics[]
  readonly invalid: readonly InvalidIndex[]
  readonly sharedBuffers: Parameter
  readonly maintenanceMemory: Parameter
}

/**
 * Reads the catalogue and the statistics, which every role may.
 * @param table one table, or that and its partitions; missing: all tables with a column of vectors.
 * @throws ERR_INVALID_ARGUMENT for a table that is not there, or has no vectors.
 */
export async function readFacts(session: Session, table?: string): Promise<Facts> {
  const scope = table === undefined ? null : await findTable(session, table)
  const columns = await session.query<Omit<VectorColumn, 'indexes'>>(columnQuestion, [scope])
  if (columns.length === 0 && table !== undefined) {
    throw invalidArgument(
      '--table',
      'a table with a column of type vector, halfvec or bit',
      table,
      'Name the table that holds the vectors, and not a view of it; without --table all are looked at.',
    )
  }
  const oids = [...new Set(columns.map(({ oid }) => oid))]
  const indexes = await session.query<VectorIndex & { oid: number; attribute: string }>(indexQuestion, [oids])
  const [server] = await session.query<Pick<Facts, 'version' | 'database' | 'isStandby'>>(
    `SELECT current_setting('server_version_num')::int AS version, quote_ident(current_database()) AS database,
            pg_is_in_recovery() AS "isStandby"`,
  )
  const parameters = await session.query<Parameter>(parameterQuestion)
  const find = (name: string) => parameters.find((parameter) => parameter.name === name)!
  return {
    ...server!,
    columns: columns.map((column) => ({
      ...column,
      indexes: indexes.filter(({ oid, attribute }) => oid === column.oid && attribute === column.name),
    })),
    statistics: await session.query<TableStatistics>(statisticsQuestion, [oids]),
    invalid: await session.query<InvalidIndex>(invalidQuestion, [oids]),
    sharedBuffers: find('shared_buffers'),
    maintenanceMemory: find('maintenance_work_mem'),
  }
}

/** The table, and its partitions where it has some. */
async function findTable(session: Session, table: string): Promise<number[]> {
  const rows = await session
    .query<{ oid: number }>(
      `SELECT to_regclass($1::text)::oid AS oid WHERE to_regclass($1::text) IS NOT NULL
        UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($1::text))`,
      [table],
    )
    .catch(() => [])
  if (rows.length > 0) return rows.map(({ oid }) => oid)
  throw invalidArgument(
    '--table',
    'a table of this database',
    table,
    'Name it with its schema (app.items), as SQL has it: "Items" with its quotes where it has capitals.',
  )
}

/**
 * A header of 23 bytes with a bit for each column, rounded up; fixed columns with the most that aligns them; of the others what TOAST
 * leaves in a row (24 bytes), and a page where it may not move them.
 */
const otherBytes = `
  SELECT (23 + (c.relnatts + 7) / 8 + 7) / 8 * 8 + coalesce(sum(CASE
           WHEN b.attlen > 0 THEN b.attlen + CASE b.attalign WHEN 'd' THEN 7 WHEN 'i' THEN 3 WHEN 's' THEN 1 ELSE 0 END
           WHEN b.attstorage = 'p' THEN 8160 ELSE 24 END), 0)
    FROM pg_attribute b JOIN pg_type u ON u.oid = b.atttypid
   WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped AND NOT (${isVector('u', 'b')})`

/** All but the indexes that the facts have. */
const dependents = `
  SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_depend d LEFT JOIN pg_class x ON d.classid = 'pg_class'::regclass AND x.oid = d.objid LEFT JOIN pg_am m ON m.oid = x.relam
    LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
     AND (d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass) OR f.adnum <> a.attnum
       OR x.relkind = 'i' AND m.amname NOT IN ('hnsw', 'ivfflat', 'simdgres')) ORDER BY 1`

/** Bits without a vector index are flags, and not to be searched. */
function isVector(type: string, attribute: string): string {
  return `${type}.typname IN ('vector', 'halfvec') OR ${type}.typname = 'bit' AND EXISTS (
       SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
        WHERE i.indrelid = c.oid AND ${attribute}.attnum = ANY(i.indkey) AND m.amname IN ('hnsw', 'ivfflat'))`
}

const columnQuestion = `
  SELECT c.oid::int4 AS oid, format('%I.%I', n.nspname, c.relname) AS relation, quote_ident(a.attname) AS column,
         a.attname AS name, t.typname AS type, greatest(a.atttypmod, 0) AS dims, a.attstorage AS storage,
         greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::float8 AS rows,
         pg_relation_size(c.oid)::float8 AS "heapBytes",
         coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0)::float8 AS "toastBytes",
         (${otherBytes})::float8 AS "otherBytes", ARRAY(${dependents}) AS dependents, a.attinhcount > 0 AS "isInherited",
         has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AS "isReadable",
         ARRAY(${foreignCode}) AS "foreignCode",
         (SELECT k.attname FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
           WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
             AND k.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype, 'text'::regtype, 'varchar'::regtype)
         ) AS key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND ($1::oid[] IS NULL OR c.oid = ANY($1))
     AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
     AND (${isVector('t', 'a')})
   ORDER BY 2, a.attnum`

/** By what they depend on, so that those over an expression are found as well. */
const indexQuestion = `
  SELECT i.indrelid::int4 AS oid, a.attname AS attribute, format('%I.%I', n.nspname, x.relname) AS name,
         x.relname AS "bareName", m.amname AS method, o.opcname AS "operatorClass",
         (SELECT p.oprname FROM pg_amop f JOIN pg_operator p ON p.oid = f.amopopr
           WHERE f.amopfamily = o.opcfamily AND f.amoppurpose = 'o' LIMIT 1) AS operator,
         i.indkey[0] = 0 AS "isExpression", pg_get_expr(i.indexprs, i.indrelid) AS expression,
         pg_get_expr(i.indpred, i.indrelid) AS condition, i.indisvalid AND i.indisready AS "isValid",
         pg_relation_size(x.oid)::float8 AS bytes, x.reltuples::float8 AS rows, pg_get_indexdef(x.oid) AS definition,
         CASE WHEN t.typname IN ('vector', 'halfvec', 'bit') THEN t.typname END AS type, greatest(k.atttypmod, 0) AS dims,
         coalesce((SELECT jsonb_object_agg(option_name, option_value::float8) FROM pg_options_to_table(x.reloptions)
                    WHERE option_value ~ '^[0-9]+$'), '{}') AS options
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
    JOIN pg_namespace n ON n.oid = x.relnamespace JOIN pg_opclass o ON o.oid = i.indclass[0]
    JOIN pg_attribute k ON k.attrelid = x.oid AND k.attnum = 1 JOIN pg_type t ON t.oid = k.atttypid
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = x.oid
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)
   WHERE i.indrelid = ANY($1::oid[]) AND m.amname IN ('hnsw', 'ivfflat', 'simdgres') ORDER BY x.relname`

/** The time of the last ANALYZE is lost with the counters; what it wrote stays in pg_stats. */
const statisticsQuestion = `
  SELECT format('%I.%I', n.nspname, c.relname) AS relation,
         greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::float8 AS rows,
         (pg_stat_get_last_analyze_time(c.oid) IS NOT NULL OR pg_stat_get_last_autoanalyze_time(c.oid) IS NOT NULL
           OR EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)) AS "isAnalysed",
         coalesce(pg_stat_get_mod_since_analyze(c.oid), 0)::float8 AS changes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1::oid[]) ORDER BY 1`

/** A twin is made by the same statement but for the name: keys, order, collations, uniqueness, parameters and condition. */
const invalidQuestion = `
  SELECT format('%I.%I', t.nspname, c.relname) AS relation, format('%I.%I', n.nspname, x.relname) AS name,
         twin.name AS twin,
         EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = c.oid
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.mode = 'ShareUpdateExclusiveLock') AS "isBusy"
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
    JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace t ON t.oid = c.relnamespace
    LEFT JOIN LATERAL (
      SELECT format('%I.%I', m.nspname, y.relname) AS name
        FROM pg_index j JOIN pg_class y ON y.oid = j.indexrelid JOIN pg_namespace m ON m.oid = y.relnamespace
       WHERE j.indrelid = i.indrelid AND j.indisvalid AND j.indisready
         AND replace(pg_get_indexdef(y.oid), format(' INDEX %I ON ', y.relname), ' INDEX ON ')
           = replace(pg_get_indexdef(x.oid), format(' INDEX %I ON ', x.relname), ' INDEX ON ')
       ORDER BY 1 LIMIT 1) AS twin ON true
   WHERE i.indrelid = ANY($1::oid[]) AND NOT (i.indisvalid AND i.indisready) ORDER BY 2`

const parameterQuestion = `
  SELECT name, pg_size_bytes(current_setting(name))::float8 AS bytes, source, pending_restart AS "isPending"
    FROM pg_settings WHERE name IN ('shared_buffers', 'maintenance_work_mem')`
