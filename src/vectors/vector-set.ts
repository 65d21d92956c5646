import { abortedBy, invalidArgument, SimdgresError, throwIfAborted } from '../errors.js'
import { addon, explainRefusal, type ResultHandle, type SearchStats, type SetHandle } from './addon.js'
import {
  requireFilter,
  requireFinite,
  requireFloat32,
  requireFunction,
  requireInteger,
  requireOneOf,
  requireRows,
  requireSignal,
} from './arguments.js'
import { type BuildListener, startBuild } from './build-set.js'
import type { Metric } from './metric.js'
import { metrics } from './metric.js'
import { explainFile, requirePath, requireVerify, type VectorSetOpenOptions } from './set-file.js'

export type { SearchStats, VectorSetOpenOptions }

/** Shape and metric of a set. */
export interface VectorSetOptions {
  /** Values per vector, 1 to 65536. */
  readonly dims: number
  readonly metric: Metric
  /**
   * `'levels'` keeps codes of each row beside it: a few bytes from which follows a proved bound of its distance, and more of
   * them for rows that those do not rule out. Searches find the same and read a few per cent of the bytes. To make the
   * codes takes a second or so for 100,000 rows: `build` does it off the event loop. Values have to be finite, and `dims` below 65536.
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

/** Codes that a set can have. */
const codes = ['levels'] as const

const maxDims = 65_536
/** Ids are unsigned 32-bit integers. */
const maxRows = 0xffff_ffff
/** Threads of one search at most. */
export const maxThreads = 1024

/**
 * Vectors in native memory, searched exactly: the ids and distances are those that a plain float64 loop over all
 * rows would give. SIMD kernels scan the rows in f32; each row that their error bound cannot rule out is measured
 * again in float64. Distances that are NaN (the cosine of a zero vector, a vector that holds NaN) sort last.
 *
 * With `codes: 'levels'` the bound comes from codes, and most rows are never read. Queries that are not finite, k above
 * 1,000 and k above an eighth of the rows are scanned as without codes. All metrics have codes. With a radius a row is not read
 * if its proved bound is above the radius.
 *
 * Searches run on the addon's own threads, so they block neither the event loop nor libuv's pool.
 */
export class VectorSet {
  readonly #rows: number
  readonly #dims: number
  readonly #metric: Metric
  readonly #bytes: number
  #handle: SetHandle | undefined

  private constructor(handle: SetHandle) {
    const metric = metrics[handle.metric]
    if (metric === undefined) throw new Error(`no metric has the number ${handle.metric}`)
    this.#handle = handle
    this.#rows = handle.rows
    this.#bytes = handle.bytes
    this.#dims = handle.dims
    this.#metric = metric
  }

  get rows(): number {
    return this.#rows
  }

  /** Native memory of the vectors, and of their codes, without a mapped file. Searches by codes keep about 20 bytes a row and thread beside it. */
  get bytes(): number {
    return this.#bytes
  }

  get dims(): number {
    return this.#dims
  }

  get metric(): Metric {
    return this.#metric
  }

  /**
   * Copies `data` (row-major, rows × dims values), so later changes to it have no effect. The id of a vector is its
   * row number. `data` may be a view (`subarray`), of another realm, and backed by a SharedArrayBuffer: of one that grows
   * meanwhile it takes what was there.
   * @throws SimdgresError ERR_INVALID_ARGUMENT if the data is not a whole number of rows, ERR_RESOURCE if memory runs out.
   */
  static from(data: Float32Array, options: VectorSetOptions): VectorSet {
    const { dims, metric, codes, bytes } = requireShape(data, options)
    try {
      return new VectorSet(addon().createSet(data, dims, metrics.indexOf(metric), codes))
    } catch (error) {
      throw explainFailedSet(error, bytes)
    }
  }

  /**
   * Like `from`, without blocking JavaScript: `data` is copied little by little between turns of the event loop (2 MiB in
   * each), and codes are made on one of the addon's own threads, in turns with searches. Leave `data` as it is until the
   * promise has settled: what changes meanwhile may or may not be in the set, and a buffer that is transferred is refused.
   * @throws SimdgresError (as rejection) as `from`, and ERR_ABORTED.
   */
  static async build(data: Float32Array, options: VectorSetBuildOptions): Promise<VectorSet> {
    const signal = requireSignal('signal', options?.signal)
    const onProgress = requireFunction('onProgress', options?.onProgress)
    const { dims, metric, codes, bytes } = requireShape(data, options)
    throwIfAborted(signal)
    try {
      const shape = { dims, metric: metrics.indexOf(metric), codes }
      const { done, cancel } = startBuild(addon(), data, shape, onProgress)
      return new VectorSet(await settle(done, signal, cancel))
    } catch (error) {
      throw explainFailedSet(error, bytes)
    }
  }

  /**
   * Maps a file that `save` has written: it takes milliseconds whatever its size, pages are read when a search needs them,
   * and processes and workers that open it share them. Searches find what those of the set that was saved do. The file is
   * only read.
   *
   * Never write into a file that is open or cut it short: the system ends a process that reads a page that is gone (SIGBUS).
   * `save` under the same name is fine, since it replaces the file; sets that are open keep the old one.
   * @throws SimdgresError (as rejection) ERR_CORRUPT_DATA for what is damaged, cut short or no such file, ERR_UNAVAILABLE for
   * a file that is not there, of a newer version or of another kind of machine, ERR_INVALID_ARGUMENT, ERR_RESOURCE.
   */
  static async open(path: string | URL, options?: VectorSetOpenOptions): Promise<VectorSet> {
    const file = requirePath('path', path)
    const verify = requireVerify(options)
    try {
      return new VectorSet(await addon().startOpen(file, verify))
    } catch (error) {
      throw explainFile(error) ?? explainFailure(error)
    }
  }

  /** Like `open`, but blocks JavaScript: for milliseconds, or with `verify` for as long as it takes to read the file. */
  static openSync(path: string | URL, options?: VectorSetOpenOptions): VectorSet {
    try {
      return new VectorSet(addon().openSet(requirePath('path', path), requireVerify(options)))
    } catch (error) {
      throw explainFile(error) ?? explainFailure(error)
    }
  }

  /**
   * Reads all of a file that `save` has written and compares every checksum.
   * @throws SimdgresError (as rejection) as `open`: ERR_CORRUPT_DATA says which bytes are wrong.
   */
  static async verify(path: string | URL): Promise<void> {
    const set = await VectorSet.open(path, { verify: true })
    set.close()
  }

  /**
   * Writes the vectors and their codes to a file for `open`, off the event loop. The file appears under its name when all of
   * it is on the disk, in place of one that was there; whatever goes wrong before, a full disk or a killed process, the
   * name keeps what it had. The set can be searched and closed meanwhile.
   * @throws SimdgresError (as rejection) ERR_RESOURCE for a disk that is full or not writable, ERR_UNAVAILABLE for a folder
   * that is not there, ERR_INVALID_ARGUMENT.
   */
  async save(path: string | URL): Promise<void> {
    const file = requirePath('path', path)
    try {
      await addon().saveSet(this.#open(), file)
    } catch (error) {
      throw explainFile(error) ?? explainFailure(error)
    }
  }

  /**
   * Finds the k nearest rows of each query. `queries` is copied, so it may change during the search.
   * @throws SimdgresError (as rejection) ERR_INVALID_ARGUMENT, ERR_ABORTED, ERR_RESOURCE.
   */
  async search(queries: Float32Array, options: SearchOptions): Promise<SearchResult> {
    // Read once: it may be a getter.
    const signal = requireSignal('signal', options?.signal)
    const { k, threads, filter } = this.#check(queries, options)
    throwIfAborted(signal)
    try {
      const { done, token } = addon().startSearch(this.#open(), queries, k, threads, filter)
      const result = await settle(done, signal, () => addon().cancelSearch(token))
      return unpack(result)
    } catch (error) {
      throw explainFailure(error)
    }
  }

  /** Like `search`, but blocks JavaScript until it is done. It uses the calling thread and, if asked to, the addon's. */
  searchSync(queries: Float32Array, options: SyncSearchOptions): SearchResult {
    const { k, threads, filter } = this.#check(queries, options)
    try {
      return unpack(addon().searchSync(this.#open(), queries, k, threads, filter))
    } catch (error) {
      throw explainFailure(error)
    }
  }

  /**
   * Finds all rows whose distance to a query is at most `radius`, or the `limit` nearest of them. Distances that are NaN are
   * beyond every radius. One call finds 16,777,216 rows at most over all queries; more are an error, never a part of them.
   * @throws SimdgresError (as rejection) ERR_INVALID_ARGUMENT, ERR_ABORTED, ERR_RESOURCE.
   */
  async searchRadius(queries: Float32Array, options: RadiusSearchOptions): Promise<RadiusSearchResult> {
    const signal = requireSignal('signal', options?.signal)
    const { limit, threads, filter, radius } = this.#checkRadius(queries, options)
    throwIfAborted(signal)
    try {
      const { done, token } = addon().startSearch(this.#open(), queries, limit, threads, filter, radius)
      return unpackWithin(await settle(done, signal, () => addon().cancelSearch(token)))
    } catch (error) {
      throw explainFailure(error)
    }
  }

  /** Like `searchRadius`, but blocks JavaScript until it is done, as `searchSync` does. */
  searchRadiusSync(queries: Float32Array, options: SyncRadiusSearchOptions): RadiusSearchResult {
    const { limit, threads, filter, radius } = this.#checkRadius(queries, options)
    try {
      return unpackWithin(addon().searchSync(this.#open(), queries, limit, threads, filter, radius))
    } catch (error) {
      throw explainFailure(error)
    }
  }

  /** Frees the native memory, at once or when the last search that uses it ends. Safe to call twice. */
  close(): void {
    if (this.#handle) addon().closeSet(this.#handle)
    this.#handle = undefined
  }

  /** Lets `using set = VectorSet.from(…)` close the set at the end of the block. */
  [Symbol.dispose](): void {
    this.close()
  }

  #check(queries: Float32Array, options: SyncSearchOptions) {
    const k = Math.min(requireInteger('k', options?.k, 1, maxRows), this.#rows)
    return { k, ...this.#checkScope(queries, options) }
  }

  #checkRadius(queries: Float32Array, options: SyncRadiusSearchOptions) {
    const smallest = this.#metric === 'ip' ? Number.NEGATIVE_INFINITY : 0
    const radius = requireFinite('radius', options?.radius, smallest)
    const limit = Math.min(requireInteger('limit', options.limit ?? maxRows, 1, maxRows), this.#rows)
    return { radius, limit, ...this.#checkScope(queries, options) }
  }

  #checkScope(queries: Float32Array, options: ScopeOptions) {
    const threads = requireInteger('threads', options.threads ?? 1, 1, maxThreads)
    const filter = requireFilter('filter', options.filter, this.#rows)
    requireRows('queries', requireFloat32('queries', queries), this.#dims)
    return { threads, filter }
  }

  /** Called last: to read options and signals may run the caller's getters, and those could close the set. */
  #open(): SetHandle {
    if (this.#handle) return this.#handle
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      'Expected an open VectorSet but it has been closed',
      'Make a new one with VectorSet.from.',
    )
  }
}

/** What the data and options of a set say. */
function requireShape(data: Float32Array, options: VectorSetOptions) {
  const dims = requireInteger('dims', options?.dims, 1, maxDims)
  const metric = requireOneOf('metric', options.metric, metrics)
  const withCodes = options.codes !== undefined && requireOneOf('codes', options.codes, codes) === 'levels'
  if (withCodes && dims === maxDims) throw invalidArgument('dims', `at most ${maxDims - 1} with codes`, dims)
  const length = requireFloat32('data', data)
  const rows = requireRows('data', length, dims)
  if (rows > maxRows) throw invalidArgument('rows', `at most ${maxRows} rows`, rows)
  return {
    dims,
    metric,
    codes: withCodes ? (1 as const) : (0 as const),
    bytes: length * Float32Array.BYTES_PER_ELEMENT,
  }
}

/** Of native failures; what a listener of the caller has thrown stays as it is. */
function explainFailedSet(error: unknown, bytes: number): unknown {
  const refusal = explainRefusal(error)
  if (refusal !== undefined) return refusal
  if (error instanceof Error && /^(out of memory|std::bad_alloc)$/.test(error.message))
    return outOfMemory(`a copy of ${bytes} bytes of vectors`, error)
  return error instanceof Error && error.message.includes('temporarily unavailable')
    ? noThread('the set', error)
    : error
}

/** Rejects as soon as the signal fires; `cancel` tells the threads to drop the rest of the work. */
function settle<Result extends object>(
  done: Promise<Result | undefined>,
  signal: AbortSignal | undefined,
  cancel: () => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel()
      reject(abortedBy(signal))
    }
    done
      .finally(() => signal?.removeEventListener('abort', onAbort))
      // Undefined means cancelled.
      .then((result) => (result ? resolve(result) : reject(abortedBy(signal))))
      .catch(reject)
    try {
      signal?.addEventListener('abort', onAbort, { once: true })
    } catch (error) {
      cancel()
      reject(error)
    }
  })
}

/** @throws RangeError if there is no memory for the arrays. */
function unpack(result: ResultHandle): SearchResult {
  const ids = new Uint32Array(result.count)
  const distances = new Float64Array(result.count)
  // Where no row passes there is nothing to take.
  if (result.count > 0) addon().takeResult(result, ids, distances)
  return { ids, distances, stats: result.stats }
}

/** @throws RangeError if there is no memory for the arrays. */
function unpackWithin(result: ResultHandle): RadiusSearchResult {
  const ids = new Uint32Array(result.count)
  const distances = new Float64Array(result.count)
  const offsets = new Uint32Array(result.offsets)
  if (result.count > 0) addon().takeResult(result, ids, distances, offsets)
  return { ids, distances, offsets, stats: result.stats }
}

/** Once the arguments are valid, only memory or threads can be lacking. */
function explainFailure(error: unknown): unknown {
  if (error instanceof SimdgresError || !(error instanceof Error)) return error
  const refusal = explainRefusal(error)
  if (refusal !== undefined) return refusal
  if (error.message.includes('within the radius')) return tooManyWithin(error)
  if (error instanceof RangeError || /memory|alloc/i.test(error.message))
    return outOfMemory('the search', error)
  return noThread('the search', error)
}

function tooManyWithin(cause: Error): SimdgresError {
  return new SimdgresError(
    'ERR_RESOURCE',
    'More than 16777216 rows lie within the radius of the queries of one call',
    'Ask for a smaller radius, set limit, or search for fewer queries at once.',
    { cause },
  )
}

function noThread(what: string, cause: Error): SimdgresError {
  return new SimdgresError(
    'ERR_RESOURCE',
    `The system did not let ${what} start a thread (${cause.message})`,
    'Raise the limit on processes: ulimit -u, or the pids limit of the container.',
    { cause },
  )
}

function outOfMemory(what: string, cause: unknown): SimdgresError {
  return new SimdgresError(
    'ERR_RESOURCE',
    `There is not enough memory for ${what}`,
    'Close sets that are no longer needed, search for fewer queries at once, or use a machine with more memory.',
    { cause },
  )
}
