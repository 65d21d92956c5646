import { invalidArgument, SimdgresError } from '../../errors.js'
import { type Metric, metrics } from '../../vectors/metric.js'
import { metricOperators } from '../server/metric-operators.js'
import type { Session } from '../server/session.js'

/** What is searched: a table or view of the user's, as it is named on the command line. */
export interface TableName {
  readonly table: string
  /** Columns; the vector's may be left out where there is one alone. */
  readonly id: string
  readonly vector?: string
  /** SQL that rows have to meet. */
  readonly where?: string
  /** Missing: that of the first index, or l2. */
  readonly metric?: Metric
}

export type VectorType = 'vector' | 'halfvec' | 'bit'

/** An index that can answer the search, if the planner chooses it. */
export interface TableIndex {
  readonly name: string
  readonly method: 'hnsw' | 'ivfflat' | 'simdgres'
  /** Of an IVFFlat index. */
  readonly lists: number
  /** What it orders by, with `$1` as the query; missing: the column by its metric. */
  readonly order?: string
}

export interface OwnTable {
  /** With its schema, quoted; so are the columns. */
  readonly relation: string
  readonly id: string
  /** SQL type of the ids. */
  readonly idType: string
  readonly vector: string
  readonly type: VectorType
  readonly dims: number
  /** Of bits: l1, which is the Hamming distance of zeros and ones. */
  readonly metric: Metric
  /** Behind the table, with a space before it; empty without a condition. */
  readonly where: string
  readonly indexes: readonly TableIndex[]
  /** For the report: indexes that are not measured, and why. */
  readonly notes: readonly string[]
}

const idTypes = new Set(['int2', 'int4', 'int8', 'uuid', 'text', 'varchar'])
const vectorTypes: readonly string[] = ['vector', 'halfvec', 'bit']
/** pgvector's default for an index that names none. */
export const defaultLists = 100

/** Reads the catalogue. @throws ERR_INVALID_ARGUMENT naming the option that does not fit the table. */
export async function describeTable(session: Session, name: TableName): Promise<OwnTable> {
  const { oid, relation } = await findRelation(session, name.table)
  const columns = await session.query<Column>(
    `SELECT attname AS name, quote_ident(attname) AS quoted, typname AS type, atttypmod AS typmod, attnum AS number
       FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
      WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [oid],
  )
  const id = findColumn(columns, '--id', name.id, (type) => idTypes.has(type))
  const vector = findColumn(columns, '--vector', name.vector, (type) => vectorTypes.includes(type))
  const type = vector.type as VectorType
  const found = await session.query<FoundIndex>(indexQuestion, [oid])
  const ofColumn = found.filter(({ column }) => column === vector.number)
  const metric = chooseMetric(type, name.metric, ofColumn)
  const where = name.where === undefined ? '' : ` WHERE (${name.where}\n)`
  return {
    relation,
    id: id.quoted,
    idType: id.type,
    vector: vector.quoted,
    type,
    dims: vector.typmod > 0 ? vector.typmod : await readDims(session, relation, vector.quoted, where),
    metric,
    where,
    ...chooseIndexes(found, vector.number, metric),
  }
}

/** The statement that finds the k nearest; `$1` is the query. */
export function searchStatement(
  { relation, id, where, ...column }: OwnTable,
  k: number,
  order = orderBy(column),
): string {
  return `SELECT ${id} FROM ${relation}${where} ORDER BY ${order} LIMIT ${k}`
}

/**
 * Ends an exact scan of ours: it is another statement to the server's counters than one of the user's that finds the same, and is known
 * there by its words.
 */
export const ownComment = '/* simdgres */'
export const ownMark = ` OFFSET 0 ${ownComment}`

/** By pgvector's operator. */
function orderBy({
  vector,
  type,
  dims,
  metric,
}: Pick<OwnTable, 'vector' | 'type' | 'dims' | 'metric'>): string {
  if (type === 'bit') return `${vector} <~> $1::bit(${dims})`
  return `${vector} ${metricOperators[metric].operator} $1::${type}`
}

/** By the extension's function. */
export function extensionOrder({ vector, type, dims, metric }: OwnTable): string {
  if (type === 'bit') return `simd_hamming_distance(${vector}, $1::bit(${dims}))`
  const { extensionOrder: ofVector } = metricOperators[metric]
  return ofVector.replace('embedding', vector).replace('$1::vector', `$1::${type}`)
}

interface Column {
  readonly name: string
  readonly quoted: string
  readonly type: string
  readonly typmod: number
  readonly number: number
}

interface FoundIndex {
  readonly name: string
  readonly method: TableIndex['method']
  readonly class: string
  readonly column: number
  readonly valid: boolean
  readonly options: readonly string[] | null
}

const indexQuestion = `
  SELECT relname AS name, amname AS method, opcname AS class, indkey[0]::int AS column, indisvalid AS valid, reloptions AS options
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
    JOIN pg_opclass ON pg_opclass.oid = indclass[0]
   WHERE indrelid = $1 AND amname IN ('hnsw', 'ivfflat', 'simdgres') ORDER BY relname`

async function findRelation(session: Session, table: string): Promise<{ oid: number; relation: string }> {
  const [row] = await session
    .query<{ oid: number; relation: string }>(
      `SELECT pg_class.oid, format('%I.%I', nspname, relname) AS relation
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass($1::text)`,
      [table],
    )
    .catch((error: unknown) => {
      if (error instanceof SimdgresError && error.code === 'ERR_LOST_CONNECTION') throw error
      throw invalidArgument('--table', 'the name of a table, as SQL has it', table)
    })
  if (row !== undefined) return row
  throw invalidArgument(
    '--table',
    'a table or view of this database',
    table,
    'Name it with its schema (app.items), as SQL has it: "Items" with its quotes where it has capitals.',
  )
}

/** The one that is named, or the only one that fits. */
function findColumn(
  columns: readonly Column[],
  option: string,
  name: string | undefined,
  fits: (type: string) => boolean,
): Column {
  const fitting = columns.filter(({ type }) => fits(type))
  const found = name === undefined ? fitting : fitting.filter((column) => column.name === name)
  if (found.length === 1) return found[0]!
  const known = fitting.map((column) => `${column.name} (${column.type})`).join(', ')
  const given = columns.find((column) => column.name === name)
  throw invalidArgument(
    option,
    known === '' ? 'a column that the table has' : `one of the columns ${known}`,
    given === undefined ? name : `${given.name} (${given.type})`,
    known === '' ? 'The table has no column of a type that fits: name another table.' : undefined,
  )
}

function chooseMetric(type: VectorType, given: Metric | undefined, indexes: readonly FoundIndex[]): Metric {
  if (type === 'bit') {
    if (given === undefined || given === 'l1') return 'l1'
    throw invalidArgument('--metric', 'l1, which is the Hamming distance of bits', given)
  }
  return given ?? indexes.map(metricOf).find((metric) => metric !== undefined) ?? 'l2'
}

/** Undefined for a class of another distance, like Jaccard's. */
function metricOf({ class: name }: FoundIndex): Metric | undefined {
  if (name === 'bit_hamming_ops') return 'l1'
  return metrics.find((metric) => name.endsWith(`_${metric}_ops`))
}

function chooseIndexes(
  found: readonly FoundIndex[],
  column: number,
  metric: Metric,
): Pick<OwnTable, 'indexes' | 'notes'> {
  const indexes: TableIndex[] = []
  const notes: string[] = []
  for (const index of found) {
    const { name, method, valid, options, class: operatorClass } = index
    const leaveOut = (reason: string) => notes.push(`The index ${name} is not measured: ${reason}`)
    if (!valid) leaveOut('it is not valid. Its build did not end; REINDEX INDEX CONCURRENTLY makes it anew.')
    else if (index.column === 0) leaveOut('it is over an expression, which this statement does not have.')
    else if (index.column !== column) leaveOut('it is over another column. Name that one with --vector.')
    else if (metricOf(index) !== metric)
      leaveOut(`its class ${operatorClass} is not for ${metric}. Name its metric with --metric.`)
    else {
      const lists = options?.map((option) => /^lists=(\d+)$/.exec(option)?.[1]).find((value) => value)
      indexes.push({ name, method, lists: Number(lists ?? defaultLists) })
    }
  }
  return { indexes, notes }
}

/** Of a column whose type does not name them: all rows have to have the same. */
async function readDims(session: Session, relation: string, vector: string, where: string): Promise<number> {
  const [row] = await session.query<{ least: number | null; most: number | null }>(
    `SELECT min(vector_dims(${vector})) AS least, max(vector_dims(${vector})) AS most FROM ${relation}${where} LIMIT $1`,
    // With a parameter the server takes one statement alone, whatever the condition says.
    [1],
  )
  const { least, most } = row!
  if (least !== null && least === most) return least
  throw invalidArgument(
    '--table',
    'rows whose vectors have the same number of dimensions',
    least === null ? 'no vector at all' : `vectors of ${least} to ${most} dimensions`,
    least === null ? undefined : `Choose those of one length: --where 'vector_dims(${vector}) = ${most}'.`,
  )
}
