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
export function holdOut(all: Matrix, options: SplitOptions): Split {
  return splitAs(all, drawSplit(all.rows, options))
}

/** Which rows are queries, and which are searched: the latter in ascending order. */
export interface RowSplit {
  readonly queries: Uint32Array
  readonly base: Uint32Array
}

export interface SplitOptions {
  readonly queries: number
  readonly seed: number
  readonly maxRows?: number | undefined
}

/** The choice of `holdOut` of so many rows. @throws ERR_INVALID_ARGUMENT where none would be left to search. */
export function drawSplit(allRows: number, { queries, seed, maxRows }: SplitOptions): RowSplit {
  if (queries >= allRows) {
    throw invalidArgument('queries', `less than the ${allRows} rows of the data set`, queries)
  }
  const order = shuffledIndexes(allRows, new Random(seed))
  const rows = Math.min(maxRows ?? allRows, allRows - queries)
  return { queries: order.slice(0, queries), base: order.slice(queries, queries + rows).sort() }
}

function splitAs(all: Matrix, { queries, base }: RowSplit): Split {
  const held = gatherRows(all, queries)
  return { base: keepRows(all, base), queries: held }
}

/** All rows of a split in ascending order: those that are read for it. */
export function listChosen({ queries, base }: RowSplit): Uint32Array {
  const chosen = new Uint32Array(queries.length + base.length)
  chosen.set(queries)
  chosen.set(base, queries.length)
  return chosen.sort()
}

/** The split where its rows alone are there. Takes over the memory of `chosen`. */
export function splitChosen(chosen: Matrix, split: RowSplit): Split {
  const slots = new Map(Array.from(listChosen(split), (row, slot) => [row, slot]))
  const places = (rows: Uint32Array) => rows.map((row) => slots.get(row)!)
  return splitAs(chosen, { queries: places(split.queries), base: places(split.base) })
}

/** Numbers of so many of the rows, chosen by the seed, in ascending order; all where there are not more. */
export function drawRows(
  allRows: number,
  { count, seed }: { readonly count: number; readonly seed: number },
): Uint32Array {
  if (count >= allRows) return Uint32Array.from({ length: allRows }, (_, row) => row)
  return shuffledIndexes(allRows, new Random(seed)).slice(0, count).sort()
}

/** Those rows, in ascending order. Takes over the memory of `all`. */
export function chooseRows(all: Matrix, wanted: Uint32Array): Matrix {
  return wanted.length === all.rows ? all : keepRows(all, wanted)
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
