import { invalidArgument, SimdgresError } from '../errors.js'
import { type Random, shuffledIndexes } from '../stats/random.js'
import { requireMemory } from '../system/memory-limit.js'
import { hashDataset } from './content-hash.js'
import type { Dataset, GroundTruth } from './dataset.js'
import { type GroundTruthOptions, groundTruth } from './ground-truth.js'

/** Filters that each let a share of the rows pass, whatever their vectors are. */
export interface RowFilters {
  /** Of all rows, in per cent. */
  readonly percents: readonly number[]
  /** By row, its place in a shuffle: a filter lets the first ones pass, so the rows of a narrow one also pass a wider one. */
  readonly places: Uint32Array
}

export function createRowFilters(rows: number, percents: readonly number[], random: Random): RowFilters {
  return { percents, places: shuffledIndexes(rows, random) }
}

/** How many of `rows` rows pass. */
export function countPassing(rows: number, percent: number): number {
  return Math.round((rows * percent) / 100)
}

/** As variants and results have it: `1%`. */
export function nameFilter(percent: number): string {
  return `${percent}%`
}

/** @throws ERR_INVALID_ARGUMENT where it is no name of a filter. */
export function readFilterName(name: unknown): number {
  const percent = Number(/^([\d.]+)%$/.exec(String(name))?.[1] ?? Number.NaN)
  if (percent > 0 && percent <= 100) return percent
  throw invalidArgument('filter', 'a share of the rows, like 1%', name)
}

/** @throws ERR_INVALID_ARGUMENT where fewer rows pass than are to be found: there would be no truth. */
export function checkPassing(rows: number, percent: number, k: number): void {
  const passing = countPassing(rows, percent)
  if (passing >= k) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `A filter of ${nameFilter(percent)} lets ${passing} of ${rows} rows pass, fewer than the k = ${k} neighbours to find`,
    `Let ${nameFilter(Math.ceil((10_000 * k) / rows) / 100)} or more pass (--filter), search more rows, or for fewer neighbours (--k).`,
  )
}

/**
 * The true neighbours among the rows that pass, with the ids that these have in the whole data set. They are kept as those
 * of a data set of these rows alone are: by content. Rejects as `groundTruth` does.
 */
export async function filteredTruth(
  dataset: Dataset,
  k: number,
  { places }: RowFilters,
  percent: number,
  options: GroundTruthOptions = {},
): Promise<GroundTruth> {
  const { base } = dataset
  checkPassing(base.rows, percent, k)
  const count = countPassing(base.rows, percent)
  const passes = (row: number): boolean => places[row]! < count
  const name = `${dataset.name} under a filter of ${nameFilter(percent)}`
  // The rows are copied here, and once more for the search.
  requireMemory(2 * count * base.dims * Float32Array.BYTES_PER_ELEMENT, `searching ${name}`)
  // Ascending, so that of equal distances the smaller id still comes first.
  const rows = Uint32Array.from({ length: base.rows }, (_, row) => row).filter(passes)
  const data = new Float32Array(count * base.dims)
  for (const [i, row] of rows.entries()) {
    data.set(base.data.subarray(row * base.dims, (row + 1) * base.dims), i * base.dims)
  }
  const passing = { data, rows: count, dims: base.dims }
  const sha256 = hashDataset(dataset.metric, passing, dataset.queries)
  const truth = await groundTruth({ ...dataset, name, base: passing, sha256 }, k, options)
  return { ...truth, ids: truth.ids.map((id) => rows[id]!), passes }
}
