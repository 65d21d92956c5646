import { availableParallelism } from 'node:os'
import { invalidArgument, SimdgresError, throwIfAborted } from '../errors.js'
import { type Progress, silent } from '../progress.js'
import { Random, shuffledIndexes } from '../stats/random.js'
import { removeLeftovers } from '../system/atomic-file.js'
import { cacheFolder } from '../system/cache-folder.js'
import { VectorSet } from '../vectors/vector-set.js'
import { findNearest } from './brute-force.js'
import type { Dataset, GroundTruth } from './dataset.js'
import { distanceAt } from './distance.js'
import { cacheFile, readCacheFile } from './store/cache-file.js'
import { type SealedKind, writeSealedFile } from './store/sealed-file.js'

/** Distances (f64), then ids (u32), both queries × k. The version goes up whenever the same data gets another answer. */
const truthFile: SealedKind = {
  magic: 'SGTRUTH_',
  version: 1,
  payloadBytes: (queries, k) =>
    queries * k * (Float64Array.BYTES_PER_ELEMENT + Uint32Array.BYTES_PER_ELEMENT),
}

/** Queries between two progress steps, a fraction of a second of work on a large set. */
const batchQueries = 50
/** The brute-force check computes about this many terms of distances (two seconds' worth), for at most this many queries. */
const checkTerms = 7e8
const maxCheckedQueries = 20
/** Two float64 sums of the same terms in different order differ by far less, relative to the size of the terms. */
const checkTolerance = 1e-9

export interface GroundTruthOptions {
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Threads of the search. Default: as many as the machine has processors. */
  readonly threads?: number | undefined
}

/**
 * The true k nearest neighbours of every query. They come from the cache, or from an exact search over all rows that is
 * checked against plain float64 loops on a seeded sample and then cached. The key is the data set's content, so a changed
 * data set never gets old answers. Neighbours that came with the data are taken in place of the search, if the check agrees. A damaged cache file is replaced, with a note. Rejects with ERR_INVALID_ARGUMENT (k),
 * ERR_CHECK_FAILED (the two computations disagree), ERR_UNAVAILABLE (no addon), ERR_RESOURCE or ERR_ABORTED.
 */
export async function groundTruth(
  dataset: Dataset,
  k: number,
  options: GroundTruthOptions = {},
): Promise<GroundTruth> {
  if (!Number.isSafeInteger(k) || k < 1) throw invalidArgument('k', 'a positive integer', k)
  const { rows } = dataset.base
  if (k > rows) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${dataset.name} has ${rows} ${rows === 1 ? 'vector' : 'vectors'} to search, fewer than the k = ${k} neighbours to find`,
      `Search for fewer neighbours (--k ${rows}) or in a larger data set.`,
    )
  }
  const shape = { rows: dataset.queries.rows, columns: k }
  const file = cacheFile('ground-truth', `${dataset.sha256}-k${k}.truth`, { kind: truthFile, ...shape })
  const payload = await readCacheFile(file, options.progress ?? silent, options.signal)
  if (payload !== undefined) return splitPayload(payload, dataset.queries.rows * k, k)
  const given = await takeGiven(dataset, k, options)
  if (given !== undefined) return given
  // Finds out before minutes of searching whether the result can be kept.
  await removeLeftovers(cacheFolder('ground-truth'))
  const truth = await searchAll(dataset, k, options)
  await checkSample(dataset, truth, options)
  await writeSealedFile(file.path, file.kind, file, [truth.distances, truth.ids], options.signal)
  return truth
}

function splitPayload(payload: ArrayBuffer, count: number, k: number): GroundTruth {
  const distances = new Float64Array(payload, 0, count)
  return { k, ids: new Uint32Array(payload, distances.byteLength, count), distances }
}

/** What came with the data, where it has k neighbours of each query and a sample of them is right; else it is found anew. */
async function takeGiven(
  dataset: Dataset,
  k: number,
  options: GroundTruthOptions,
): Promise<GroundTruth | undefined> {
  const { neighbours } = dataset
  if (neighbours === undefined || neighbours.columns < k) return undefined
  const { progress = silent } = options
  const truth = rankGiven(dataset, neighbours, k)
  const reject = (why: string) => progress.note(`The neighbours that came with the data are not used: ${why}`)
  if (truth === undefined) {
    reject('they name rows that there are not, or one twice.')
    return undefined
  }
  try {
    await checkSample(dataset, truth, options)
    progress.note(
      'The true neighbours are those that came with the data; a sample of them is right in float64.',
    )
    return truth
  } catch (error) {
    if (!(error instanceof SimdgresError && error.code === 'ERR_CHECK_FAILED')) throw error
    reject(`${error.message}.`)
    return undefined
  }
}

/** The nearest k of those that are given, by distances of float64. */
function rankGiven(
  { base, queries, metric }: Dataset,
  { data, columns }: NonNullable<Dataset['neighbours']>,
  k: number,
): GroundTruth | undefined {
  const ids = new Uint32Array(queries.rows * k)
  const distances = new Float64Array(queries.rows * k)
  for (let row = 0; row < queries.rows; row++) {
    const given = Array.from({ length: columns }, (_, i) => data[row * columns + i]!)
    const isRight = (id: number) => Number.isInteger(id) && id >= 0 && id < base.rows
    if (!given.every(isRight) || new Set(given).size < columns) return undefined
    const ranked = given
      .map((id) => ({
        id,
        distance: distanceAt[metric](queries.data, row * base.dims, base.data, id * base.dims, base.dims),
      }))
      .sort((a, b) => a.distance - b.distance || a.id - b.id)
    for (const [rank, { id, distance }] of ranked.slice(0, k).entries()) {
      ids[row * k + rank] = id
      distances[row * k + rank] = distance
    }
  }
  return { k, ids, distances }
}

async function searchAll(dataset: Dataset, k: number, options: GroundTruthOptions): Promise<GroundTruth> {
  const { progress = silent, signal, threads = availableParallelism() } = options
  const { base, queries, metric } = dataset
  const ids = new Uint32Array(queries.rows * k)
  const distances = new Float64Array(queries.rows * k)
  const set = VectorSet.from(base.data, { dims: base.dims, metric })
  try {
    for (let first = 0; first < queries.rows; first += batchQueries) {
      throwIfAborted(signal)
      const end = Math.min(first + batchQueries, queries.rows)
      const batch = queries.data.subarray(first * base.dims, end * base.dims)
      const found = await set.search(batch, { k, threads, ...(signal && { signal }) })
      ids.set(found.ids, first * k)
      distances.set(found.distances, first * k)
      progress.step('Finding the true neighbours', end, queries.rows)
    }
  } finally {
    set.close()
  }
  return { k, ids, distances }
}

/** Rejects with ERR_CHECK_FAILED if brute force in float64 finds other neighbours of a sample of the queries. */
export async function checkSample(
  dataset: Dataset,
  truth: GroundTruth,
  options: GroundTruthOptions = {},
): Promise<void> {
  const { base, queries } = dataset
  const affordable = Math.ceil(checkTerms / (base.rows * base.dims))
  const count = Math.min(queries.rows, maxCheckedQueries, affordable)
  const sample = shuffledIndexes(queries.rows, new Random(1)).subarray(0, count)
  for (const [done, query] of sample.entries()) {
    // Gives a signal handler the chance to run.
    await new Promise(setImmediate)
    throwIfAborted(options.signal)
    checkQuery(dataset, truth, query)
    options.progress?.step('Checking them in float64', done + 1, count)
  }
}

/**
 * Ids may differ where distances tie to the last bits, so distances are compared: rank by rank, each has to match both
 * the brute force and the actual distance of the id it is given for.
 */
function checkQuery(dataset: Dataset, { k, ids, distances }: GroundTruth, query: number): void {
  const { metric, base, queries } = dataset
  const expected = findNearest(dataset, query, k)
  const seen = new Set<number>()
  for (let rank = 0; rank < k; rank++) {
    const id = ids[query * k + rank]!
    const given = distances[query * k + rank]!
    const own = distanceAt[metric](queries.data, query * base.dims, base.data, id * base.dims, base.dims)
    const wanted = expected.distances[rank]!
    const tolerance = checkTolerance * scaleOf(dataset, query, id, wanted)
    const isRight = Math.abs(given - wanted) <= tolerance && Math.abs(given - own) <= tolerance
    if (isRight && !seen.has(id)) {
      seen.add(id)
      continue
    }
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The exact search gives row ${id} at distance ${given} as neighbour ${rank + 1} of query ${query} of ${dataset.name}; ` +
        `float64 loops give row ${expected.ids[rank]} at ${wanted}, and ${own} for row ${id}`,
      'Report it, with the output of simdgres doctor; SIMDGRES_ISA=scalar shows whether a kernel is at fault.',
    )
  }
}

/** What the rounding error of a distance is relative to. Cosines and inner products are sums whose terms cancel out. */
function scaleOf({ metric, base, queries }: Dataset, query: number, id: number, distance: number): number {
  if (metric === 'cosine') return 1
  if (metric !== 'ip') return distance
  const { dims } = base
  const querySquares = -distanceAt.ip(queries.data, query * dims, queries.data, query * dims, dims)
  return Math.sqrt(querySquares * -distanceAt.ip(base.data, id * dims, base.data, id * dims, dims))
}
