import type { Matrix } from '../datasets/dataset.js'
import type { Metric } from '../vectors/metric.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'
import type { TableColumn } from './server/copy.js'
import { listFilterColumns } from './server/filter-clause.js'
import { allowWorkers, expectScan, readWorkers, scanSettings } from './server/parallel-scan.js'
import { realArrayFormat } from './server/vector-codec.js'
import { loadTable, maxInlineDims, type TableSpec } from './server/vector-table.js'
import { schemaName } from './server/workspace.js'
import { createServerPath } from './server-path.js'

function sumOfSquares({ data, dims }: Matrix, row: number): number {
  let squares = 0
  for (let i = row * dims; i < (row + 1) * dims; i++) squares += data[i]! * data[i]!
  return squares
}

const norm: TableColumn = {
  name: 'norm',
  type: 'float8',
  compute: (rows, row) => Math.sqrt(sumOfSquares(rows, row)),
}
const squaredNorm: TableColumn = { name: 'squared_norm', type: 'float8', compute: sumOfSquares }

/**
 * Search in plain SQL on `real[]`, without any extension, exact in float8 arithmetic, in the fastest form found.
 * Measured on 20,000 x 100, one process, ns per element (l2 / dot product):
 *   unnest(embedding, $1) + sum          127 / 118
 *   generate_subscripts + sum            119
 *   unnest WITH ORDINALITY + sum         156
 *   one expression, all terms written out 59 / 30   (85 / 56 with a generic plan)
 * Set-returning functions and aggregates pay per element for what one expression does once. The custom plan folds
 * every `$1[i]` into a constant; planning it takes about a millisecond per 300 dimensions. Cosine divides by a norm
 * stored with the row, as one would. L2 takes the dot product's form with a stored squared norm: half the work, see
 * `nearestByNorm`.
 */
export function createSqlPath(facts: PathFacts, context: PathContext): SearchPath {
  const { dataset, k } = context
  const { metric, base } = dataset
  const table: TableSpec = {
    name: 'sql_arrays',
    type: 'real[]',
    storage: base.dims > maxInlineDims ? 'external' : 'plain',
    columns: [
      ...(metric === 'cosine' ? [norm] : []),
      ...(usesSquaredNorm(metric, base.dims) ? [squaredNorm] : []),
      ...listFilterColumns(context.filters),
    ],
  }
  return createServerPath(facts, context, {
    format: realArrayFormat,
    settings: { plan_cache_mode: 'force_custom_plan' },
    isAvailable: async () => ({ available: true }),
    designs: [{}],
    async prepare(workspace) {
      const load = await loadTable(workspace, dataset, table)
      const configured = await readWorkers(workspace.session)
      return {
        ...{ load, table },
        variants: [{ workers: configured }],
        describe: ({ workers = configured }, where) => ({
          text: usesSquaredNorm(metric, base.dims)
            ? nearestByNorm(`${schemaName}.${table.name}${where}`, base.dims, k)
            : `SELECT id FROM ${schemaName}.${table.name}${where} ORDER BY ${orderBy(metric, base.dims)} LIMIT ${k}`,
          settings: scanSettings(Number(workers)),
          arrange: (session) => allowWorkers(session, `${schemaName}.${table.name}`, Number(workers)),
          expectedPlan: expectScan(table.name, Number(workers)),
        }),
      }
    },
  })
}

interface SqlDistance {
  /** Contribution of one element, with `a` of the row (float4) and `b` of the query (float8). */
  term(a: string, b: string): string
  /** From the sum of all terms to what rows are ordered by. */
  finish(sum: string): string
}

/** The square root and the query's norm are left out: they do not change the order. */
const distances: Readonly<Record<Metric, SqlDistance>> = {
  l2: { term: (a, b) => `(${a} - ${b}) ^ 2`, finish: (sum) => sum },
  l1: { term: (a, b) => `abs(${a} - ${b})`, finish: (sum) => sum },
  ip: { term: (a, b) => `${a} * ${b}`, finish: (sum) => `-(${sum})` },
  cosine: { term: (a, b) => `${a} * ${b}`, finish: (sum) => `-(${sum}) / norm` },
}

function orderBy(metric: Metric, dims: number): string {
  const { finish } = distances[metric]
  // A subscript would fetch an out-of-line array anew for every element.
  return finish(dims > maxInlineDims ? sumByUnnest(metric) : sumByTerms(metric, dims))
}

function sumByUnnest(metric: Metric): string {
  const term = distances[metric].term('a', 'b::float8')
  return `(SELECT sum(${term}) FROM unnest(embedding, $1::real[]) AS pair (a, b))`
}

function sumByTerms(metric: Metric, dims: number): string {
  const { term } = distances[metric]
  const terms = Array.from({ length: dims }, (_, i) =>
    term(`embedding[${i + 1}]`, `($1::real[])[${i + 1}]::float8`),
  )
  return addBalanced(terms, 0, dims)
}

function usesSquaredNorm(metric: Metric, dims: number): boolean {
  return metric === 'l2' && dims <= maxInlineDims
}

/** Rows that are ranked a second time, beyond k. */
const spareRows = 64

/**
 * |x - q|^2 = |x|^2 - 2 x.q + |q|^2, of which the last is the same for all rows. What the subtraction loses, some 1e-15 of
 * |x|^2, can swap only rows that are as near as that to each other, so the nearest of this form are ranked again by
 * the sum of squared differences. More than `spareRows` such twins at the k-th place would be needed to lose one.
 */
function nearestByNorm(from: string, dims: number, k: number): string {
  const near = `SELECT id, embedding FROM ${from} ORDER BY squared_norm - 2 * ${sumByTerms('ip', dims)} LIMIT ${k + spareRows}`
  return `SELECT id FROM (${near}) AS near ORDER BY ${sumByUnnest('l2')} LIMIT ${k}`
}

/** Pairs up the terms: the depth of the expression, and the rounding error, grow with log2 of their number. */
function addBalanced(terms: readonly string[], from: number, to: number): string {
  if (to - from === 1) return terms[from]!
  const middle = (from + to) >> 1
  return `(${addBalanced(terms, from, middle)} + ${addBalanced(terms, middle, to)})`
}
