import { basename } from 'node:path'
import { invalidArgument, SimdgresError } from '../errors.js'
import { type Progress, silent } from '../progress.js'
import { requireMemory } from '../system/memory-limit.js'
import { type Metric, metrics } from '../vectors/metric.js'
import { hashDataset } from './content-hash.js'
import type { Dataset, Matrix } from './dataset.js'
import { type NamedDataset, readDatasetName } from './dataset-name.js'
import { chooseRows, dropZeroRows, holdOut, type Split } from './hold-out.js'
import { readVectorFile } from './readers/list.js'
import { readStored } from './stored-source.js'
import { generate } from './synthetic.js'

export { type DatasetEntry, listDatasets } from './sources/list.js'

const defaultSeed = 1
/** Enough to know a recall of 0.99 to within ±0.3 percentage points at k = 10. */
const defaultQueries = 1000

export interface LoadOptions {
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Size of the base set at most; a seeded choice of all vectors. Default: all. */
  readonly maxRows?: number | undefined
  /** Vectors held out as queries, or taken of those that the file has. Default: 1,000, or a tenth of a small file. */
  readonly queries?: number | undefined
  /** Decides which vectors are queries and which belong to a subset. Default: 1. */
  readonly seed?: number | undefined
  /** Default: the metric of the catalogue or the one that the file names, else l2. */
  readonly metric?: Metric | undefined
  /** Memory that the caller needs besides the vectors. What does not fit is refused before it is read. Default: 0. */
  readonly besideBytes?: number | undefined
}

/**
 * Loads a data set by its name: one of `listDatasets()`, `synthetic-<rows>x<dims>...`, or the path of a file of vectors.
 * Rejects with ERR_INVALID_ARGUMENT (no such set, wrong option, too few vectors), ERR_CORRUPT_DATA, ERR_UNAVAILABLE
 * (cannot be downloaded), ERR_RESOURCE (disk, memory) or ERR_ABORTED.
 */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<Dataset> {
  checkOptions(options)
  const named = readDatasetName(name)
  const label = named.kind === 'file' ? basename(name) : name
  const { metric, split } = await loadSplit(named, label, options)
  const sha256 = hashDataset(metric, split.base, split.queries)
  return { name: label, metric, ...split, synthetic: named.kind === 'synthetic', sha256 }
}

/** Throws ERR_INVALID_ARGUMENT if `name` cannot name a data set. Nothing is read or started. */
export function checkDatasetName(name: string): void {
  readDatasetName(name)
}

async function loadSplit(
  named: NamedDataset,
  label: string,
  options: LoadOptions,
): Promise<{ metric: Metric; split: Split }> {
  const { progress = silent, signal, maxRows, besideBytes = 0 } = options
  // All vectors are read before some are chosen, and those are copied for the exact search that finds the truth.
  const requireRoom = (all: number, searched: number, dims: number) => {
    const vectorBytes = (all + searched) * dims * Float32Array.BYTES_PER_ELEMENT
    requireMemory(vectorBytes + besideBytes, `searching ${label}`)
  }
  if (named.kind === 'synthetic') {
    const { shape } = named
    const rows = Math.min(shape.rows, maxRows ?? shape.rows)
    const queries = options.queries ?? defaultQueries
    requireRoom(rows + queries, rows, shape.dims)
    const seed = shape.seed ?? options.seed ?? defaultSeed
    const split = await generate({ ...shape, rows, seed }, queries, progress, signal)
    return { metric: options.metric ?? 'l2', split }
  }
  const onShape = (rows: number, dims: number) => requireRoom(rows, Math.min(rows, maxRows ?? rows), dims)
  if (named.kind === 'file') {
    const found = await readVectorFile(named.path, { signal, onShape })
    const metric = options.metric ?? found.metric ?? 'l2'
    const { vectors, queries } = found
    const split =
      queries === undefined
        ? splitRows(vectors, label, metric, options)
        : pairWithQueries(vectors, queries, label, metric, options)
    return { metric, split }
  }
  onShape(named.source.rows, named.source.dims)
  const metric = options.metric ?? named.source.metric
  const all = await readStored(named.source, { progress, signal })
  return { metric, split: splitRows(all, label, metric, options) }
}

/** Searches for the queries that came with the vectors, or for a seeded choice of them. */
function pairWithQueries(
  vectors: Matrix,
  given: Matrix,
  label: string,
  metric: Metric,
  options: LoadOptions,
): Split {
  const all = usableRows(given, metric, options)
  if (all.rows === 0) throw tooFew(label, 'queries', 0)
  const wanted = options.queries ?? Math.min(defaultQueries, all.rows)
  if (wanted > all.rows) {
    throw invalidArgument('queries', `at most the ${all.rows} queries of the data set`, wanted)
  }
  const base = usableRows(vectors, metric, options)
  if (base.rows < 1) throw tooFew(label, 'vectors', 0)
  const seed = options.seed ?? defaultSeed
  return {
    base: chooseRows(base, { count: options.maxRows ?? base.rows, seed }),
    queries: chooseRows(all, { count: wanted, seed }),
  }
}

/** Without zero rows where they have no distance. */
function usableRows(all: Matrix, metric: Metric, { progress }: LoadOptions): Matrix {
  const { matrix, dropped } = metric === 'cosine' ? dropZeroRows(all) : { matrix: all, dropped: 0 }
  if (dropped > 0) {
    progress?.note(`Left out ${dropped} zero vectors: they have no cosine distance from anything.`)
  }
  return matrix
}

function tooFew(label: string, what: string, rows: number): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${label} has ${rows} usable ${rows === 1 ? what.slice(0, -1) : what}: a search needs one to find and one to search with`,
    'Name a data set of more vectors.',
  )
}

function splitRows(all: Matrix, label: string, metric: Metric, options: LoadOptions): Split {
  const matrix = usableRows(all, metric, options)
  if (matrix.rows < 2) throw tooFew(label, 'vectors', matrix.rows)
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
