import { basename } from 'node:path'
import { invalidArgument, SimdgresError } from '../errors.js'
import { type Progress, silent } from '../progress.js'
import { requireMemory } from '../system/memory-limit.js'
import { type Metric, metrics } from '../vectors/metric.js'
import { hashDataset } from './content-hash.js'
import type { Dataset, Matrix } from './dataset.js'
import { type NamedDataset, readDatasetName } from './dataset-name.js'
import {
  chooseRows,
  drawRows,
  drawSplit,
  dropZeroRows,
  holdOut,
  listChosen,
  type RowSplit,
  type Split,
  splitChosen,
} from './hold-out.js'
import { readIds, readVectorFile, readVectors } from './readers/list.js'
import type { FoundVectors, Neighbours } from './readers/vector-file.js'
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
  /** Of a file: another one that has the queries. */
  readonly queriesFile?: string | undefined
  /** Ids of the nearest rows of each of its queries (.ivecs); used where all rows are searched. */
  readonly truthFile?: string | undefined
  /**
   * Memory that the caller needs besides the vectors and a copy of those that are searched. What does not fit is refused before
   * it is read. Default: none.
   */
  readonly besideBytes?: ((searched: number, dims: number) => number) | undefined
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
  if (named.kind !== 'file') {
    for (const given of ['queriesFile', 'truthFile'] as const) {
      if (options[given] === undefined) continue
      const what = given === 'queriesFile' ? 'queries' : 'truth'
      throw invalidArgument(what, 'a number, or a file beside a --dataset that is a file', options[given])
    }
  }
  const loaded = await loadSplit(named, label, options)
  const sha256 = hashDataset(loaded.metric, loaded.base, loaded.queries)
  return { name: label, ...loaded, synthetic: named.kind === 'synthetic', sha256 }
}

/** Throws ERR_INVALID_ARGUMENT if `name` cannot name a data set. Nothing is read or started. */
export function checkDatasetName(name: string): void {
  readDatasetName(name)
}

type Loaded = Split & Pick<Dataset, 'metric' | 'neighbours'>

async function loadSplit(named: NamedDataset, label: string, options: LoadOptions): Promise<Loaded> {
  const { progress = silent, signal, maxRows, besideBytes = () => 0 } = options
  // What is read is copied once more, for the exact search that finds the truth and for the paths of this process.
  const requireRoom = (all: number, searched: number, dims: number) => {
    const vectorBytes = (all + searched) * dims * Float32Array.BYTES_PER_ELEMENT
    requireMemory(vectorBytes + besideBytes(searched, dims), `searching ${label}`)
  }
  if (named.kind === 'synthetic') {
    const { shape } = named
    const rows = Math.min(shape.rows, maxRows ?? shape.rows)
    const queries = options.queries ?? defaultQueries
    requireRoom(rows + queries, rows, shape.dims)
    const seed = shape.seed ?? options.seed ?? defaultSeed
    const split = await generate({ ...shape, rows, seed }, queries, progress, signal)
    return { metric: options.metric ?? 'l2', ...split }
  }
  const onShape = (rows: number, dims: number) => requireRoom(rows, Math.min(rows, maxRows ?? rows), dims)
  if (named.kind === 'file') return loadFile(named.path, label, options, onShape)
  onShape(named.source.rows, named.source.dims)
  const metric = options.metric ?? named.source.metric
  const all = await readStored(named.source, { progress, signal })
  return { metric, ...splitRows(all, label, metric, options) }
}

/** Of a part of its rows those alone are read. */
async function loadFile(
  path: string,
  label: string,
  options: LoadOptions,
  onShape: (rows: number, dims: number) => void,
): Promise<Loaded> {
  const { signal, maxRows, seed = defaultSeed, queriesFile, truthFile } = options
  const hasFile = queriesFile !== undefined
  let drawn: RowSplit | undefined
  const choose = (rows: number, hasQueries: boolean) => {
    if (maxRows === undefined || maxRows >= rows) return undefined
    if (hasQueries || hasFile) return drawRows(rows, { count: maxRows, seed })
    const queries = options.queries ?? defaultQueriesOf(rows)
    if (queries + maxRows >= rows) return undefined
    drawn = drawSplit(rows, { queries, seed, maxRows })
    return listChosen(drawn)
  }
  const found = await readVectorFile(path, { signal, onShape, choose })
  const metric = options.metric ?? found.metric ?? 'l2'
  const { vectors, rows } = found
  const queries = hasFile ? await readVectors(queriesFile, { signal }) : found.queries
  if (queries === undefined) {
    if (truthFile !== undefined) {
      const hint = 'Name the queries that it is of with --queries FILE.'
      throw invalidArgument('truth', 'queries of a file, which it is of', truthFile, hint)
    }
    const split =
      drawn === undefined
        ? splitRows(vectors, label, metric, options)
        : usableSplit(splitChosen(vectors, drawn), label, metric, options)
    return { metric, ...split }
  }
  if (queries.dims !== vectors.dims) {
    throw invalidArgument('queries', `vectors of ${vectors.dims} dimensions, as ${label} has`, queries.dims)
  }
  const own = hasFile || metric !== (found.metric ?? metric) ? undefined : found.neighbours
  const neighbours = truthFile === undefined ? own : await readTruth(truthFile, queries.rows, signal)
  const isWhole = vectors.rows === rows && rows <= (maxRows ?? rows)
  const paired = { queries, ...(isWhole && neighbours && { neighbours }) }
  return { metric, ...pairWithQueries(vectors, paired, label, metric, options) }
}

/** Ids of neighbours in a file, a row for each query. */
async function readTruth(path: string, queries: number, signal: AbortSignal | undefined) {
  const { data, rows, dims: columns } = await readIds(path, { signal })
  if (rows === queries) return { data, rows, columns }
  throw invalidArgument('truth', `a row for each of the ${queries} queries`, `${rows} rows in ${path}`)
}

/** Searches for the queries that came with the vectors, or for a seeded choice of them. */
function pairWithQueries(
  vectors: Matrix,
  given: Pick<FoundVectors, 'neighbours'> & { readonly queries: Matrix },
  label: string,
  metric: Metric,
  options: LoadOptions,
): Split & Pick<Dataset, 'neighbours'> {
  const all = usableRows(given.queries, metric, options)
  if (all.rows === 0) throw tooFew(label, 'queries', 0)
  const wanted = options.queries ?? Math.min(defaultQueries, all.rows)
  if (wanted > all.rows) {
    throw invalidArgument('queries', `at most the ${all.rows} queries of the data set`, wanted)
  }
  const base = usableRows(vectors, metric, options)
  if (base.rows < 1) throw tooFew(label, 'vectors', 0)
  const seed = options.seed ?? defaultSeed
  const asked = drawRows(all.rows, { count: wanted, seed })
  // Where rows were left out, their numbers are others.
  const isWhole = base.rows === vectors.rows && all.rows === given.queries.rows
  const { neighbours } = given
  return {
    base: chooseRows(base, drawRows(base.rows, { count: options.maxRows ?? base.rows, seed })),
    ...(isWhole && neighbours && { neighbours: takeRows(neighbours, asked) }),
    queries: chooseRows(all, asked),
  }
}

function takeRows({ data, columns }: Neighbours, rows: Uint32Array): NonNullable<Dataset['neighbours']> {
  const taken = new Float64Array(rows.length * columns)
  for (const [i, row] of rows.entries()) {
    for (let c = 0; c < columns; c++) taken[i * columns + c] = data[row * columns + c]!
  }
  return { data: taken, columns }
}

/** Of rows that were chosen before they were read, without those that have no distance. */
function usableSplit({ base, queries }: Split, label: string, metric: Metric, options: LoadOptions): Split {
  const split = {
    base: usableRows(base, metric, options),
    queries: usableRows(queries, metric, options),
  }
  if (split.base.rows > 0 && split.queries.rows > 0) return split
  throw tooFew(label, 'vectors', split.base.rows + split.queries.rows)
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

const defaultQueriesOf = (rows: number) => Math.min(defaultQueries, Math.max(1, Math.floor(rows / 10)))

function splitRows(all: Matrix, label: string, metric: Metric, options: LoadOptions): Split {
  const matrix = usableRows(all, metric, options)
  if (matrix.rows < 2) throw tooFew(label, 'vectors', matrix.rows)
  const queries = options.queries ?? defaultQueriesOf(matrix.rows)
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
