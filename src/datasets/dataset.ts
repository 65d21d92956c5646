import type { Metric } from '../vectors/metric.js'

/** Row-major f32 vectors: `data.length === rows * dims`. */
export interface Matrix {
  readonly data: Float32Array
  readonly rows: number
  readonly dims: number
}

/** A base set to search and held-out queries to search it with. The id of a base vector is its row number. */
export interface Dataset {
  readonly name: string
  readonly metric: Metric
  readonly base: Matrix
  /** Not part of `base`. */
  readonly queries: Matrix
  /** What came with the data: ids of the nearest rows of each query, row by row, if all rows are searched. */
  readonly neighbours?: { readonly data: ArrayLike<number>; readonly columns: number }
  /** Generated, not real data. Every report says so. */
  readonly synthetic: boolean
  /** sha-256 (hex) over metric, shapes and all values of base and queries. Caches of derived data use it as key. */
  readonly sha256: string
}

/** The true k nearest neighbours of every query, nearest first, the smaller id first among equals. */
export interface GroundTruth {
  readonly k: number
  /** queries × k, row-major. */
  readonly ids: Uint32Array
  /** queries × k, row-major, computed in float64; L2 is the root, not the square. */
  readonly distances: Float64Array
  /** Whether a filter lets a row pass: the others are no answer, however near they are. Missing: all of them pass. */
  passes?(row: number): boolean
}
