import type { SearchStats } from './addon.js'
import type { BuildListener } from './build-set.js'
import type { Metric } from './metric.js'

/** Codes that a set can have. */
export const codes = ['levels'] as const

/** Shape and metric of a set. */
export interface VectorSetOptions {
  /** Values per vector, 1 to 65536. */
  readonly dims: number
  readonly metric: Metric
  /**
   * `'levels'` keeps codes of each row beside it: a few bytes from which follows a proved bound of its distance, and more of
   * them for rows that those do not rule out. Searches find the same and read a few per cent of the bytes. To make the
   * codes takes a second or so for 100,000 rows: `build` does it off the event loop. Values have to be finite, and `dims` below
   * 65536. A set of fewer than 512 rows gets none, since to make them takes longer than ten thousand searches save: `stats` then
   * counts its rows as `scanned`.
   */
  readonly codes?: (typeof codes)[number]
}

/** The options of `build`, plus ways to follow it and to stop it. */
export interface VectorSetBuildOptions extends VectorSetOptions {
  /** Called some fifty times a second at most, on the calling thread. What it throws ends the work and is thrown on. */
  readonly onProgress?: BuildListener
  /**
   * Aborting rejects with ERR_ABORTED at once; the memory is free when the step at hand has ended: some ms later, in the training
   * of codes up to a second.
   */
  readonly signal?: AbortSignal
}

/** Which rows a search is about, and how much of the machine it may use. */
export interface ScopeOptions {
  /**
   * Only these rows are searched, and read: a `Uint8Array` with a bit for each row (row r is bit r % 8 of byte r / 8, so
   * ⌈rows / 8⌉ bytes), or a `Uint32Array` of row numbers in any order. It is copied, and is the same for all queries of the
   * call. The result is that of a loop over the rows that pass. Default: all rows.
   */
  readonly filter?: Uint8Array | Uint32Array | undefined
  /** Threads used for this search. Default: 1. More than the machine has processors do not help. */
  readonly threads?: number
}

/** What `searchSync` returns. */
export interface SyncSearchOptions extends ScopeOptions {
  /** Neighbours per query, at least 1. If it exceeds the number of rows, all rows are returned. */
  readonly k: number
}

/** What `searchRadiusSync` returns. */
export interface SyncRadiusSearchOptions extends ScopeOptions {
  /**
   * The greatest distance that a row may have, itself included: compared in float64 with the distance that a result gives. In
   * the units of the metric: `l2` the root, `cosine` 0 to 2, `l1` the sum, at least 0 each. `ip` is the negative inner product,
   * so -0.8 asks for rows whose inner product with the query is at least 0.8.
   */
  readonly radius: number
  /** The most rows per query, at least 1: the nearest of those within the radius. Default: all of them. */
  readonly limit?: number | undefined
}

/** The options of `searchRadiusSync`, plus a way to stop the search. */
export interface RadiusSearchOptions extends SyncRadiusSearchOptions {
  /** As in `search`. */
  readonly signal?: AbortSignal
}

/** The options of `searchSync`, plus a way to stop the search. */
export interface SearchOptions extends SyncSearchOptions {
  /** Aborting rejects with ERR_ABORTED at once; the threads stop within about a millisecond. */
  readonly signal?: AbortSignal
}

/** The neighbours of every query in one call. */
export interface SearchResult {
  /** Row numbers, queries × min(k, rows that pass the filter), row-major: nearest first, the smaller id first among equals. */
  readonly ids: Uint32Array<ArrayBuffer>
  /** The distance of each id: `l2` is the root, `ip` the negative inner product, `l1` the sum. */
  readonly distances: Float64Array<ArrayBuffer>
  /** Rows and bytes that the search looked at; for one query, divide by their number. */
  readonly stats: SearchStats
}

/** What lies within the radius of every query in one call: queries find different numbers of rows. */
export interface RadiusSearchResult extends SearchResult {
  /** Row numbers, query after query: nearest first, the smaller id first among equals. */
  readonly ids: Uint32Array<ArrayBuffer>
  /** Queries + 1 numbers: query q has found ids and distances `offsets[q]` up to, not including, `offsets[q + 1]`. */
  readonly offsets: Uint32Array<ArrayBuffer>
}
