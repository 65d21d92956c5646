import { basename } from 'node:path'
import { invalidArgument } from '../errors.js'
import { type Progress, silent } from '../progress.js'
import { type Metric, metrics } from '../vectors/metric.js'
import { hashDataset } from './content-hash.js'
import type { Dataset, Matrix } from './dataset.js'
import { dropZeroRows, holdOut, type Split } from './hold-out.js'
import { findReader, readVectors, vectorExtensions } from './readers/list.js'
import { sources } from './sources/list.js'
import { readStored } from './stored-source.js'
import { generate, parseSynthetic, syntheticForm } from './synthetic.js'

export { type DatasetEntry, listDatasets } from './sources/list.js'

const defaultSeed = 1
/** Enough for a recall of 0.99 to be known to ±0.3 percentage points at k = 10. */
const defaultQueries = 1000

export interface LoadOptions {
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Vectors of the base set at most: a seeded choice among all. Default: all. */
  readonly maxRows?: number | undefined
  /** Vectors held out as queries. Default: 1,000, of a small file a tenth of its rows. */
  readonly queries?: number | undefined
  /** Decides which vectors are queries and which belong to a subset. Default: 1. */
  readonly seed?: number | undefined
  /** Default: the metric of the catalogue; for files and synthetic sets, l2. */
  readonly metric?: Metric | undefined
}

/**
 * Loads a data set by its name: one of `listDatasets()`, `synthetic-<rows>x<dims>...`, or the path of a file with one
 * of `vectorExtensions`. Rejects with ERR_INVALID_ARGUMENT (no such set, wrong option), ERR_CORRUPT_DATA,
 * ERR_UNAVAILABLE (cannot be downloaded), ERR_RESOURCE (disk, memory) or ERR_ABORTED.
 */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<Dataset> {
  checkOptions(options)
  checkDatasetName(name)
  const source = sources.find((candidate) => candidate.name === name)
  const shape = source === undefined ? parseSynthetic(name) : undefined
  const metric = options.metric ?? source?.metric ?? 'l2'
  const progress = options.progress ?? silent
  let split: Split
  if (source !== undefined) {
    split = splitRows(await readStored(source, { progress, signal: options.signal }), metric, options)
  } else if (shape !== undefined) {
    const rows = Math.min(shape.rows, options.maxRows ?? shape.rows)
    const seed = shape.seed ?? options.seed ?? defaultSeed
    split = await generate(
      { ...shape, rows, seed },
      options.queries ?? defaultQueries,
      progress,
      options.signal,
    )
  } else {
    split = splitRows(await readVectors(name, { signal: options.signal }), metric, options)
  }
  const label = source === undefined && shape === undefined ? basename(name) : name
  const sha256 = hashDataset(metric, split.base, split.queries)
  return { name: label, metric, ...split, synthetic: shape !== undefined, sha256 }
}

function splitRows(all: Matrix, metric: Metric, options: LoadOptions): Split {
  const { matrix, dropped } = metric === 'cosine' ? dropZeroRows(all) : { matrix: all, dropped: 0 }
  if (dropped > 0) {
    options.progress?.note(`Left out ${dropped} zero vectors: they have no cosine distance from anything.`)
  }
  const queries = options.queries ?? Math.min(defaultQueries, Math.max(1, Math.floor(matrix.rows / 10)))
  return holdOut(matrix, { queries, seed: options.seed ?? defaultSeed, maxRows: options.maxRows })
}

function checkOptions({ maxRows, queries, seed, metric }: LoadOptions): void {
  const counts = { maxRows, queries }
  for (const [name, value] of Object.entries(counts)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw invalidArgument(name, 'a positive integer', value)
    }
  }
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw invalidArgument('seed', 'a non-negative integer', seed)
  }
  if (metric !== undefined && !metrics.includes(metric)) {
    throw invalidArgument('metric', `one of ${metrics.join(', ')}`, metric)
  }
}

/** ERR_INVALID_ARGUMENT for what can be no data set's name, before anything is read or started. */
export function checkDatasetName(name: string): void {
  if (sources.some((source) => source.name === name) || parseSynthetic(name) !== undefined) return
  if (findReader(name)?.kind === 'vectors') return
  const names = sources.map((source) => source.name).join(', ')
  const expected = `${names}, ${syntheticForm} or the path of a file that ends in ${vectorExtensions.join(', ')}`
  throw invalidArgument('dataset', expected, name, 'Run simdgres data to see what there is.')
}
