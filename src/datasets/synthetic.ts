import { invalidArgument, throwIfAborted } from '../errors.js'
import type { Progress } from '../progress.js'
import { Random } from '../stats/random.js'
import type { Matrix } from './dataset.js'
import { TextLikeRows } from './text-like.js'

/** The parameters of a `synthetic-<rows>x<dims>[-i<intrinsic>][-c<clusters>][-s<seed>]` data set, or of one with `-text`. */
export interface SyntheticShape {
  readonly rows: number
  readonly dims: number
  /** As hard to search as text embeddings; it has no clusters then, and all dimensions are intrinsic. */
  readonly isTextLike?: boolean
  /** Dimensions of the subspace that holds the clusters and their members. */
  readonly intrinsicDims: number
  readonly clusters: number
  readonly seed: number
}

/** A shape as its name gives it. The name may leave the seed to the caller. */
export type NamedShape = Omit<SyntheticShape, 'seed'> & { readonly seed: number | undefined }

const pattern = /^synthetic-(\d+)x(\d+)(?:-text()|(?:-i(\d+))?(?:-c(\d+))?)(?:-s(\d+))?$/
export const syntheticForm =
  'synthetic-<rows>x<dims>[-i<intrinsic dims>][-c<clusters>][-s<seed>], synthetic-<rows>x<dims>-text[-s<seed>]'

/** Published estimates for real sets lie between about 10 (SIFT) and 25 (GIST, GloVe). */
const defaultIntrinsicDims = 16
/** Spread of the members of a cluster, relative to the spread of the clusters. */
const memberSpread = 0.5
/** Noise in every dimension, relative to the spread of members inside the subspace. */
const noiseSpread = 0.05
/** Rows between two checks of the signal. */
const batchRows = 4096
/** Streams of random numbers. Each row has its own, from `firstRow` on, so no row depends on the ones before it. */
const stream = { projection: 0, centers: 1, firstRow: 2 } as const

/** Parses the shape in a name; undefined if it is not the name of a synthetic set. */
export function parseSynthetic(name: string): NamedShape | undefined {
  if (!name.startsWith('synthetic')) return undefined
  const match = pattern.exec(name)
  if (match === null) throw invalidArgument('dataset', syntheticForm, name)
  const isTextLike = match[3] !== undefined
  const [rows, dims, , intrinsic, clusters, seed] = match
    .slice(1)
    .map((text) => (text ? Number(text) : undefined))
  const shape = isTextLike
    ? { rows: rows!, dims: dims!, isTextLike, intrinsicDims: dims!, clusters: 1, seed }
    : {
        rows: rows!,
        dims: dims!,
        intrinsicDims: intrinsic ?? Math.min(defaultIntrinsicDims, dims!),
        clusters: clusters ?? Math.max(1, Math.round(Math.sqrt(rows!))),
        seed,
      }
  checkShape(shape, name)
  return shape
}

function checkShape({ rows, dims, intrinsicDims, clusters, seed }: NamedShape, name: string): void {
  const within = (value: number, low: number, high: number) => value >= low && value <= high
  if (!within(rows, 1, 2 ** 32 - 1)) throw invalidArgument('dataset', 'at least 1 row', name)
  if (!within(dims, 1, 65_536)) throw invalidArgument('dataset', '1 to 65536 dims', name)
  if (!within(intrinsicDims, 1, dims)) throw invalidArgument('dataset', `1 to ${dims} intrinsic dims`, name)
  if (!within(clusters, 1, 2 ** 20)) throw invalidArgument('dataset', '1 to 1048576 clusters', name)
  if (seed !== undefined && !Number.isSafeInteger(seed))
    throw invalidArgument('dataset', 'a seed below 2^53', name)
}

/**
 * `shape.rows` base vectors and `queries` more of the same kind: a mixture of clusters with bell-shaped members in an
 * `intrinsicDims`-dimensional subspace, turned into `dims` dimensions by a random linear map, plus a little noise.
 * Every operation is exactly rounded IEEE arithmetic in a fixed order (+ - × / and roots, no library functions), so
 * the same shape gives the same bits on every machine.
 */
export async function generate(
  shape: SyntheticShape,
  queries: number,
  progress: Progress,
  signal?: AbortSignal,
): Promise<{ readonly base: Matrix; readonly queries: Matrix }> {
  const write = makeWriter(shape)
  const total = shape.rows + queries
  const fill = async (firstRow: number, rows: number): Promise<Matrix> => {
    const data = new Float32Array(rows * shape.dims)
    for (let row = 0; row < rows; row++) {
      write(firstRow + row, data, row * shape.dims)
      if ((row + 1) % batchRows !== 0) continue
      progress.step('Generating vectors', firstRow + row + 1, total)
      // Gives a signal handler the chance to run.
      await new Promise(setImmediate)
      throwIfAborted(signal)
    }
    return { data, rows, dims: shape.dims }
  }
  const split = { base: await fill(0, shape.rows), queries: await fill(shape.rows, queries) }
  progress.step('Generating vectors', total, total)
  return split
}

function makeWriter(shape: SyntheticShape): (row: number, data: Float32Array, start: number) => void {
  if (shape.isTextLike) {
    const rows = new TextLikeRows(shape.dims, shape.seed)
    return (row, data, start) => rows.write(row, data, start)
  }
  const mixture = makeMixture(shape)
  return (row, data, start) => writeRow(mixture, row, data, start)
}

interface Mixture extends SyntheticShape {
  /** intrinsicDims × dims, scaled so that values of the result have a variance near 1. */
  readonly projection: Float64Array
  /** clusters × intrinsicDims. */
  readonly centers: Float64Array
}

function makeMixture(shape: SyntheticShape): Mixture {
  const { dims, intrinsicDims, clusters, seed } = shape
  const scale = 1 / Math.sqrt(intrinsicDims)
  const projection = bells(intrinsicDims * dims, new Random(seed, stream.projection)).map(
    (value) => value * scale,
  )
  return { ...shape, projection, centers: bells(clusters * intrinsicDims, new Random(seed, stream.centers)) }
}

function bells(count: number, random: Random): Float64Array {
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) values[i] = random.bell()
  return values
}

function writeRow(mixture: Mixture, row: number, data: Float32Array, start: number): void {
  const { dims, intrinsicDims, projection, centers } = mixture
  const random = new Random(mixture.seed, stream.firstRow + row)
  const center = random.below(mixture.clusters) * intrinsicDims
  const sums = new Float64Array(dims)
  for (let k = 0; k < intrinsicDims; k++) {
    const coordinate = centers[center + k]! + memberSpread * random.bell()
    const weights = k * dims
    for (let i = 0; i < dims; i++) sums[i] = sums[i]! + coordinate * projection[weights + i]!
  }
  for (let i = 0; i < dims; i++) data[start + i] = sums[i]! + memberSpread * noiseSpread * random.bell()
}
