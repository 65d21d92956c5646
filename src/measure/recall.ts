import type { Dataset, GroundTruth, Matrix } from '../datasets/dataset.js'
import { distanceAt } from '../datasets/distance.js'
import { SimdgresError } from '../errors.js'
import type { Hits } from '../paths/search-path.js'
import { clusteredShareInterval } from '../stats/clustered-share.js'
import type { Interval } from '../stats/interval.js'
import { mean } from '../stats/samples.js'

/** A row this little farther away than the k-th neighbour is as good: paths compute in float4. Relative. */
const tieTolerance = 1e-6
/** Two float64 sums of the same terms in another order differ by far less, relative to the size of the terms. */
const truthTolerance = 1e-9

/**
 * The share of the k places of query `row` that hold a true neighbour: a distinct row whose distance, computed here
 * in float64, is at most the true k-th distance (ties count). Distances a path may report are not looked at.
 * @throws ERR_CHECK_FAILED where the hits are nearer than the truth: there is no honest recall then, of no path.
 */
export function queryRecall(dataset: Dataset, truth: GroundTruth, row: number, hits: Hits): number {
  const { base, queries, metric } = dataset
  const { k, distances } = truth
  const limit = distances[(row + 1) * k - 1]!
  const ids = new Set(hits.subarray(0, k).filter((id) => id < base.rows))
  const found = Array.from(ids, (id) => ({
    id,
    distance: distanceAt[metric](queries.data, row * base.dims, base.data, id * base.dims, base.dims),
    // Not a number where a vector has no direction.
  })).filter(({ distance }) => !Number.isNaN(distance))
  checkTruth(dataset, truth, row, found)
  const counted = found.filter(
    ({ id, distance }) => distance <= limit + tieTolerance * scaleOf(dataset, row, id, limit),
  )
  return counted.length / k
}

/** Whoever finds j rows has found none that is nearer than the j-th neighbour, or the truth is none. */
function checkTruth(
  dataset: Dataset,
  { k, distances }: GroundTruth,
  row: number,
  found: { id: number; distance: number }[],
): void {
  found.sort((a, b) => a.distance - b.distance)
  for (const [j, { id, distance }] of found.entries()) {
    const claimed = distances[row * k + j]!
    if (distance >= claimed - truthTolerance * scaleOf(dataset, row, id, claimed)) continue
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The truth is wrong: neighbour ${j + 1} of query ${row} of ${dataset.name} is said to be at distance ${claimed}, and row ${id} is at ${distance}`,
      'Remove the folder ground-truth in the cache folder and run it again; if it stays wrong, please report it.',
    )
  }
}

/**
 * What the rounding of a distance is relative to. Sums of squares and of absolute values are as precise as
 * themselves; a cosine distance is what is left of 1, and an inner product of terms as large as its vectors.
 */
function scaleOf({ metric, queries, base }: Dataset, row: number, id: number, limit: number): number {
  if (metric === 'cosine') return 1
  if (metric !== 'ip') return Math.abs(limit)
  return norm(queries, row) * norm(base, id)
}

function norm({ data, dims }: Matrix, row: number): number {
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
