import type { Dataset, GroundTruth, Matrix } from '../datasets/dataset.js'
import { distanceAt } from '../datasets/distance.js'
import { SimdgresError } from '../errors.js'
import type { Hits } from '../paths/search-path.js'
import { clusteredShareInterval } from '../stats/clustered-share.js'
import type { Interval } from '../stats/interval.js'
import { mean } from '../stats/samples.js'

/** A row this little farther away than the k-th neighbour is as good: paths compute in float4. Relative. */
const float4Tolerance = 1e-6
/**
 * But not if that is much of what tells near rows from far ones: a share of the spread of a query's distances. All rows of
 * tight data lie within float4's digits of each other, and any of them would count as found.
 */
const spreadTolerance = 0.01
/** Two float64 sums of the same terms in another order differ by far less, relative to the size of the terms. */
const truthTolerance = 1e-9
/** Rows that show how far distances spread; of fewer rows, all of them. */
const spreadRows = 64

/**
 * The share of the k places of query `row` that hold a true neighbour: a distinct row whose distance, computed here
 * in float64, is at most the true k-th distance (ties count). A row that a filter rules out is none. Distances a path may
 * report are not looked at.
 * @throws ERR_CHECK_FAILED where the hits are nearer than the truth: there is no honest recall then, of no path.
 */
export function queryRecall(dataset: Dataset, truth: GroundTruth, row: number, hits: Hits): number {
  checkTruth(dataset, truth, row, measureHits(dataset, truth, row, hits))
  return shareNear(dataset, truth, row, hits, truth.distances[(row + 1) * truth.k - 1]!)
}

/**
 * The share of the k places of query `row` that hold a distinct row which is not farther than `limit`.
 * @param added vectors of rows beyond those of the data set, whose ids go on behind its own.
 */
export function shareNear(
  dataset: Dataset,
  truth: GroundTruth,
  row: number,
  hits: Hits,
  limit: number,
  added: Float32Array = new Float32Array(0),
): number {
  const found = measureHits(dataset, truth, row, hits, added)
  const ofSpread = spreadTolerance * spreadOf(dataset, truth, row, limit)
  // What two sums in float64 may differ by.
  const least = (dataset.base.dims + 4) * 2 * Number.EPSILON
  const counted = found.filter(({ id, distance }) => {
    const scale = scaleOf(dataset, row, id, limit, added)
    return distance <= limit + Math.max(least * scale, Math.min(float4Tolerance * scale, ofSpread))
  })
  return counted.length / truth.k
}

/** Whether the hits of query `row` are right as far as float4's digits go. */
export function isRightInFloat4(dataset: Dataset, truth: GroundTruth, row: number, hits: Hits): boolean {
  const limit = truth.distances[(row + 1) * truth.k - 1]!
  const near = measureHits(dataset, truth, row, hits).filter(
    ({ id, distance }) => distance <= limit + float4Tolerance * scaleOf(dataset, row, id, limit),
  )
  return near.length === truth.k
}

interface Found {
  readonly id: number
  readonly distance: number
}

/** The distinct rows among the k hits that are rows, and pass. */
function measureHits(
  { base, queries, metric }: Dataset,
  { k, passes = () => true }: GroundTruth,
  row: number,
  hits: Hits,
  added: Float32Array = new Float32Array(0),
): Found[] {
  const { dims, rows } = base
  const known = rows + added.length / dims
  const ids = new Set(hits.subarray(0, k).filter((id) => id < known && (id >= rows || passes(id))))
  const measure = distanceAt[metric]
  return Array.from(ids, (id) => ({
    id,
    distance:
      id < rows
        ? measure(queries.data, row * dims, base.data, id * dims, dims)
        : measure(queries.data, row * dims, added, (id - rows) * dims, dims),
    // Not a number where a vector has no direction.
  })).filter(({ distance }) => !Number.isNaN(distance))
}

/** Asked for once per row of the report: by the truth, then by the query. */
const spreads = new WeakMap<GroundTruth, Map<number, number>>()

/** How much farther away than the k-th neighbour the farthest of some rows is. */
function spreadOf(dataset: Dataset, truth: GroundTruth, row: number, limit: number): number {
  const known = spreads.get(truth) ?? new Map<number, number>()
  spreads.set(truth, known)
  const { base, queries, metric } = dataset
  let spread = known.get(row)
  if (spread === undefined) {
    spread = 0
    const step = Math.max(1, Math.floor(base.rows / spreadRows))
    for (let id = 0; id < base.rows; id += step) {
      const distance = distanceAt[metric](queries.data, row * base.dims, base.data, id * base.dims, base.dims)
      // False for what is not a number.
      if (distance - limit > spread) spread = distance - limit
    }
    known.set(row, spread)
  }
  return spread
}

/** Whoever finds j rows has found none that is nearer than the j-th neighbour, or the truth is none. */
function checkTruth(dataset: Dataset, { k, distances }: GroundTruth, row: number, found: Found[]): void {
  found.sort((a, b) => a.distance - b.distance)
  for (const [j, { id, distance }] of found.entries()) {
    const claimed = distances[row * k + j]!
    if (distance >= claimed - truthTolerance * scaleOf(dataset, row, id, claimed)) continue
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The truth is wrong: neighbour ${j + 1} of query ${row} of ${dataset.name} is said to be at distance ${claimed}, and row ${id} is at ${distance}`,
      'Leave out --truth, or remove the folder ground-truth in the cache folder, and run it again; if it stays wrong, please report it.',
    )
  }
}

/**
 * What the rounding of a distance is relative to. Sums of squares and of absolute values are as precise as
 * themselves; a cosine distance is what is left of 1, and an inner product of terms as large as its vectors.
 */
function scaleOf(
  { metric, queries, base }: Dataset,
  row: number,
  id: number,
  limit: number,
  added: Float32Array = new Float32Array(0),
): number {
  if (metric === 'cosine') return 1
  if (metric !== 'ip') return Math.abs(limit)
  const own = id < base.rows ? norm(base, id) : norm({ data: added, dims: base.dims }, id - base.rows)
  return norm(queries, row) * own
}

function norm({ data, dims }: Pick<Matrix, 'data' | 'dims'>, row: number): number {
  return Math.sqrt(-distanceAt.ip(data, row * dims, data, row * dims, dims))
}

export interface Recall {
  readonly mean: number
  readonly ci95: Interval
}

/**
 * Mean recall over queries, and its interval over queries like these: each is one observation, because the neighbours of
 * one query are found or missed together.
 */
export function summariseRecall(recalls: readonly number[]): Recall {
  return { mean: mean(recalls), ci95: clusteredShareInterval(recalls) }
}
