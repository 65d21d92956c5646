import { hashDataset } from '../../datasets/content-hash.js'
import type { Dataset, GroundTruth, Matrix } from '../../datasets/dataset.js'
import { distanceAt } from '../../datasets/distance.js'
import { invalidArgument, SimdgresError, throwIfAborted } from '../../errors.js'
import { KnownRows, readVector } from '../../paths/own-table/known-rows.js'
import type { ReadOnlyServer } from '../../paths/own-table/read-only.js'
import { exactPlan, exactSettings, vectorFormats } from '../../paths/own-table/searches.js'
import { type OwnTable, ownMark, searchStatement } from '../../paths/own-table/table.js'
import { explainStatement } from '../../paths/server/plan.js'
import type { Session } from '../../paths/server/session.js'
import { encodeParameter } from '../../paths/server/vector-codec.js'
import type { Progress } from '../../progress.js'
import { Random, shuffledIndexes } from '../../stats/random.js'

export interface SnapshotTask {
  readonly table: OwnTable
  readonly k: number
  /** Queries of the user's, or how many rows to take as queries. */
  readonly queries: Matrix | number
  readonly seed: number
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** The table at one moment, as far as a run needs it. */
export interface TableSnapshot {
  readonly dataset: Dataset
  readonly truth: GroundTruth
  readonly known: KnownRows
  readonly rows: number
}

/**
 * Rows that are ranked once more in float64, beyond k: an exact scan ranks in float4, and what its rounding swaps is as near
 * as that to each other.
 */
const spareRows = 64

/**
 * Queries and their true neighbours, in one transaction: it ends with the exact scan, because a snapshot that is held keeps
 * vacuum from its work.
 */
export async function takeSnapshot(server: ReadOnlyServer, task: SnapshotTask): Promise<TableSnapshot> {
  const { table, k } = task
  const session = await server.connect(exactSettings())
  try {
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    const rows = await countRows(session, table)
    if (rows < k) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${table.relation} has ${rows} rows with a vector that can be found, fewer than the k = ${k} neighbours to find`,
        'Search for fewer neighbours (--k), or let more rows pass (--where).',
      )
    }
    const queries = typeof task.queries === 'number' ? await sampleRows(session, task) : task.queries
    const known = new KnownRows(table)
    const candidates = await scanAll(session, queries, known, task)
    await known.fetch(session)
    await session.query('COMMIT')
    const { metric, relation } = table
    const base = known.matrix
    const found = { data: base.data.subarray(0, base.rows * base.dims), rows: base.rows, dims: base.dims }
    const sha256 = hashDataset(metric, found, queries)
    const dataset: Dataset = { name: relation, metric, base, queries, synthetic: false, sha256 }
    return { dataset, truth: rankAgain(dataset, candidates, k), known, rows }
  } finally {
    await session.close()
  }
}

/** @throws ERR_INVALID_ARGUMENT where two rows have one id. */
async function countRows(session: Session, { relation, id, vector, where }: OwnTable): Promise<number> {
  const condition = where === '' ? ' WHERE' : `${where} AND`
  const [row] = await session.query<{ rows: string; ids: string }>(
    // With a parameter the server takes one statement alone, whatever the condition says.
    `SELECT count(*)::text AS rows, count(DISTINCT ${id})::text AS ids FROM ${relation}${condition} ${vector} IS NOT NULL LIMIT $1`,
    [1],
    'counting the rows',
  )
  const { rows, ids } = row!
  if (rows === ids) return Number(rows)
  throw invalidArgument(
    '--id',
    'a column that tells rows apart',
    `${id}, which has ${ids} values in ${rows} rows`,
    'Name a column with a value of its own for each row.',
  )
}

/** A choice of rows that the seed decides, as far as the server reads them in the same order. */
async function sampleRows(session: Session, { table, queries, seed }: SnapshotTask): Promise<Matrix> {
  const { relation, vector, where, dims } = table
  const condition = where === '' ? ' WHERE' : `${where} AND`
  await session.query('SELECT setseed($1::float8)', [(seed % 1000) / 1000])
  const rows = await session.query<{ vector: string }>(
    `SELECT ${vector}::text AS vector FROM ${relation}${condition} ${vector} IS NOT NULL ORDER BY random() LIMIT $1`,
    [queries],
    'choosing rows as queries',
  )
  const data = new Float32Array(rows.length * dims)
  for (const [i, row] of rows.entries()) data.set(readVector(row.vector), i * dims)
  return { data, rows: rows.length, dims }
}

/** By query, the numbers of the k nearest rows and some more. */
async function scanAll(
  session: Session,
  queries: Matrix,
  known: KnownRows,
  { table, k, progress, signal }: SnapshotTask,
): Promise<Uint32Array[]> {
  const format = vectorFormats[table.type]
  const statement = { name: 'truth', text: `${searchStatement(table, k + spareRows)}${ownMark}` }
  const reading = { numberOf: known.numberOf, doing: 'finding the true neighbours' }
  const found: Uint32Array[] = []
  for (let row = 0; row < queries.rows; row++) {
    throwIfAborted(signal)
    const query = queries.data.subarray(row * queries.dims, (row + 1) * queries.dims)
    const parameter = encodeParameter(format, query)
    found.push(await session.searchIds(statement, parameter, reading))
    if (row === 0) await requireExact(session, statement.name, format.print(query))
    progress.step('Finding the true neighbours', row + 1, queries.rows)
  }
  return found
}

async function requireExact(session: Session, name: string, literal: string): Promise<void> {
  const { text } = await explainStatement(session, name, literal)
  if (exactPlan.test(text) && !/Index Scan/.test(text.replaceAll('Bitmap Index Scan', ''))) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The server does not read all rows where it is told to use no index:\n${text}`,
    'Name the table itself with --table, and not a view that orders its rows.',
  )
}

/** In float64, as every recall is computed. */
function rankAgain(dataset: Dataset, candidates: readonly Uint32Array[], k: number): GroundTruth {
  const { base, queries, metric } = dataset
  const ids = new Uint32Array(queries.rows * k)
  // Of fewer rows that have a distance at all, every one is a neighbour.
  const distances = new Float64Array(queries.rows * k).fill(Number.POSITIVE_INFINITY)
  for (const [row, numbers] of candidates.entries()) {
    const ranked = Array.from(numbers, (id) => ({
      id,
      distance: distanceAt[metric](queries.data, row * base.dims, base.data, id * base.dims, base.dims),
    }))
      .filter(({ distance }) => !Number.isNaN(distance))
      .sort((a, b) => a.distance - b.distance || a.id - b.id)
    for (const [rank, { id, distance }] of ranked.slice(0, k).entries()) {
      ids[row * k + rank] = id
      distances[row * k + rank] = distance
    }
  }
  return { k, ids, distances }
}

/** The order in which all rows of the report ask the queries. */
export function orderQueries(queries: number, seed: number): Uint32Array {
  return shuffledIndexes(queries, new Random(seed, 1))
}
