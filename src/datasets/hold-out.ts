import { invalidArgument } from '../errors.js'
import { Random, shuffledIndexes } from '../stats/random.js'
import type { Matrix } from './dataset.js'

export interface Split {
  readonly base: Matrix
  readonly queries: Matrix
}

/**
 * Splits `all` into queries and a base set that does not hold them. One seeded shuffle of the rows decides: the first
 * `queries` rows are the queries, the next `maxRows` (or all others) the base, in their original order. So a subset
 * of the same seed has the same queries as the full set. The base set takes over the memory of `all`, which must not be
 * used afterwards: with a copy, a machine could search only half as many vectors.
 *
 * A base row that equals a query stays, because real queries repeat what is stored. Such rows have distance 0 in the truth.
 */
export function holdOut(
  all: Matrix,
  options: { readonly queries: number; readonly seed: number; readonly maxRows?: number | undefined },
): Split {
  const { queries, seed } = options
  if (queries >= all.rows) {
    throw invalidArgument('queries', `less than the ${all.rows} rows of the data set`, queries)
  }
  const order = shuffledIndexes(all.rows, new Random(seed))
  const rows = Math.min(options.maxRows ?? all.rows, all.rows - queries)
  const held = gatherRows(all, order.subarray(0, queries))
  const wanted = order.subarray(queries, queries + rows).sort()
  return { base: keepRows(all, wanted), queries: held }
}

/** So many of the rows, chosen by the seed, in their order; all where there are not more. Takes over the memory of `all`. */
export function chooseRows(
  all: Matrix,
  { count, seed }: { readonly count: number; readonly seed: number },
): Matrix {
  if (count >= all.rows) return all
  return keepRows(all, shuffledIndexes(all.rows, new Random(seed)).subarray(0, count).sort())
}

/** Keeps the rows `wanted`, in ascending order: in place, or as a copy if most of the memory would be held for nothing. */
function keepRows(all: Matrix, wanted: Uint32Array): Matrix {
  if (wanted.length < all.rows / 2) return gatherRows(all, wanted)
  const { data, dims } = all
  for (let row = 0; row < wanted.length; row++) {
    const start = wanted[row]! * dims
    data.copyWithin(row * dims, start, start + dims)
  }
  return { data: data.subarray(0, wanted.length * dims), rows: wanted.length, dims }
}

function gatherRows({ data, dims }: Matrix, wanted: Uint32Array): Matrix {
  const gathered = new Float32Array(wanted.length * dims)
  for (let row = 0; row < wanted.length; row++) {
    const start = wanted[row]! * dims
    gathered.set(data.subarray(start, start + dims), row * dims)
  }
  return { data: gathered, rows: wanted.length, dims }
}

/**
 * `all` without its zero rows, in the same memory. A zero row has no direction: its cosine distance is 0/0, which pgvector
 * calls NaN, and pgvector's indexes leave such rows out. No two search paths could agree on them.
 */
export function dropZeroRows(all: Matrix): { readonly matrix: Matrix; readonly dropped: number } {
  const kept = new Uint32Array(all.rows)
  let count = 0
  for (let row = 0; row < all.rows; row++) {
    if (!isZero(all.data, row * all.dims, all.dims)) kept[count++] = row
  }
  const dropped = all.rows - count
  return { matrix: dropped === 0 ? all : keepRows(all, kept.subarray(0, count)), dropped }
}

function isZero(data: Float32Array, start: number, dims: number): boolean {
  for (let i = start; i < start + dims; i++) if (data[i] !== 0) return false
  return true
}
