import { abortedBy, invalidArgument, SimdgresError, throwIfAborted } from '../errors.js'
import { addon, type ResultHandle, type SearchStats, type SetHandle, type SetSize } from './addon.js'
import {
  requireFilter,
  requireFinite,
  requireFloat32,
  requireFunction,
  requireIds,
  requireInteger,
  requireOneOf,
  requireRows,
  requireSignal,
} from './arguments.js'
import { startBuild } from './build-set.js'
import { explainFailedSet, explainFailure } from './failures.js'
import type { Metric } from './metric.js'
import { metrics } from './metric.js'
import {
  codes,
  type RadiusSearchOptions,
  type RadiusSearchResult,
  type ScopeOptions,
  type SearchOptions,
  type SearchResult,
  type SyncRadiusSearchOptions,
  type SyncSearchOptions,
  type VectorSetBuildOptions,
  type VectorSetOptions,
} from './options.js'
import { requirePath, requireVerify, type VectorSetOpenOptions } from './set-file.js'

export type {
  RadiusSearchOptions,
  RadiusSearchResult,
  ScopeOptions,
  SearchOptions,
  SearchResult,
  SearchStats,
  SyncRadiusSearchOptions,
  SyncSearchOptions,
  VectorSetBuildOptions,
  VectorSetOpenOptions,
  VectorSetOptions,
}

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
 * Rows can be added, removed and replaced. A search sees the set as it was when it was called: changes wait for no search, and
 * searches for no change. The id of a row never changes and is never given to another one.
 *
 * Searches run on the addon's own threads, so they block neither the event loop nor libuv's pool.
 */
export class VectorSet {
  readonly #dims: number
  readonly #metric: Metric
  #size: SetSize
  #handle: SetHandle | undefined

  private constructor(handle: SetHandle) {
    const metric = metrics[handle.metric]
    if (metric === undefined) throw new Error(`no metric has the number ${handle.metric}`)
    this.#handle = handle
    this.#size = addon().sizeOf(handle)
    this.#dims = handle.dims
    this.#metric = metric
  }

  /** Ids that have been given: all are below it, those of rows that have been removed, too. A bitmap has so many bits. */
  get rows(): number {
    return this.#size.rows
  }

  /** Rows that are there: `rows` without those that have been removed. */
  get size(): number {
    return this.#size.size
  }

  /** Native memory of the vectors, and of their codes, without a mapped file. Searches by codes keep about 20 bytes a row and thread beside it. */
  get bytes(): number {
    return this.#size.bytes
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
      throw explainFailure(error, 'opening the file')
    }
  }

  /** Like `open`, but blocks JavaScript: for milliseconds, or with `verify` for as long as it takes to read the file. */
  static openSync(path: string | URL, options?: VectorSetOpenOptions): VectorSet {
    try {
      return new VectorSet(addon().openSet(requirePath('path', path), requireVerify(options)))
    } catch (error) {
      throw explainFailure(error, 'opening the file')
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
   * it is on the disk, in place of one that was there, whose permissions it takes; whatever goes wrong before, a full disk or
   * a killed process, the name keeps what it had. It is the set as it was when it was called: it can be searched, changed and
   * closed meanwhile. Ids stay; to save a set that has been changed takes the memory of a second one for a while.
   * @throws SimdgresError (as rejection) ERR_RESOURCE for a disk that is full or not writable, ERR_UNAVAILABLE for a folder
   * that is not there, ERR_INVALID_ARGUMENT.
   */
  async save(path: string | URL): Promise<void> {
    const file = requirePath('path', path)
    try {
      await addon().saveSet(this.#open(), file)
    } catch (error) {
      throw explainFailure(error, 'saving the set')
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
      throw explainFailure(error, 'the search')
    }
  }

  /** Like `search`, but blocks JavaScript until it is done. It uses the calling thread and, if asked to, the addon's. */
  searchSync(queries: Float32Array, options: SyncSearchOptions): SearchResult {
    const { k, threads, filter } = this.#check(queries, options)
    try {
      return unpack(addon().searchSync(this.#open(), queries, k, threads, filter))
    } catch (error) {
      throw explainFailure(error, 'the search')
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
      throw explainFailure(error, 'the search')
    }
  }

  /** Like `searchRadius`, but blocks JavaScript until it is done, as `searchSync` does. */
  searchRadiusSync(queries: Float32Array, options: SyncRadiusSearchOptions): RadiusSearchResult {
    const { limit, threads, filter, radius } = this.#checkRadius(queries, options)
    try {
      return unpackWithin(addon().searchSync(this.#open(), queries, limit, threads, filter, radius))
    } catch (error) {
      throw explainFailure(error, 'the search')
    }
  }

  /**
   * Adds vectors (row-major, whole rows of `dims` values), which are copied, and returns their ids: the next numbers after all
   * that have been given. Rows that come later lie in segments of their own behind the others; in a set with codes they are
   * coded with the codes' rotation, 32 at a time, and the last ones are scanned. A set that is still too small for
   * codes gets them when it is saved with 512 rows or more. It takes some 10 µs a row with codes, and less without.
   *
   * Sets that are opened can be changed, too: in the memory of this process alone, until they are saved.
   * @throws SimdgresError ERR_INVALID_ARGUMENT, ERR_RESOURCE if memory runs out; then nothing has been added.
   */
  add(rows: Float32Array): Uint32Array<ArrayBuffer> {
    requireRows('rows', requireFloat32('rows', rows), this.#dims)
    const first = this.#change((set) => addon().addRows(set, rows))
    // A view of a buffer that grows may have had more of them.
    return new Uint32Array(this.#size.rows - first).map((_, i) => first + i)
  }

  /**
   * Removes rows by their ids, so that no search finds them any more; returns how many of them were still there. The space of
   * rows that the set was made of stays in use until it is closed. That of rows that came later comes back once more of them
   * are gone than there: this and later changes each move up to 256 KiB of vectors together, in a millisecond or some with
   * codes; `add` moves as many rows as it adds if that is more. Without later changes it stays in use.
   * @throws SimdgresError ERR_INVALID_ARGUMENT for an id that has never been given; then nothing has been removed.
   */
  remove(ids: Uint32Array | readonly number[]): number {
    const read = requireIds('ids', ids, this.#size.rows)
    return read === undefined ? 0 : this.#change((set) => addon().removeRows(set, read))
  }

  /**
   * Replaces the vector of a row; its id stays.
   * @throws SimdgresError ERR_INVALID_ARGUMENT for an id that has never been given or has been removed, ERR_RESOURCE.
   */
  set(id: number, vector: Float32Array): void {
    requireInteger('id', id, 0, this.#size.rows - 1)
    const length = requireFloat32('vector', vector)
    if (length !== this.#dims) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `Expected ${this.#dims} values for vector but received ${length} of them`,
        'Pass one whole vector.',
      )
    }
    this.#change((set) => addon().setRow(set, id, vector))
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

  #change<T>(change: (set: SetHandle) => T): T {
    const handle = this.#open()
    try {
      const result = change(handle)
      this.#size = addon().sizeOf(handle)
      return result
    } catch (error) {
      throw explainFailure(error, 'the change')
    }
  }

  #check(queries: Float32Array, options: SyncSearchOptions) {
    const k = Math.min(requireInteger('k', options?.k, 1, maxRows), this.#size.rows)
    return { k, ...this.#checkScope(queries, options) }
  }

  #checkRadius(queries: Float32Array, options: SyncRadiusSearchOptions) {
    const smallest = this.#metric === 'ip' ? Number.NEGATIVE_INFINITY : 0
    const radius = requireFinite('radius', options?.radius, smallest)
    const limit = Math.min(requireInteger('limit', options.limit ?? maxRows, 1, maxRows), this.#size.rows)
    return { radius, limit, ...this.#checkScope(queries, options) }
  }

  #checkScope(queries: Float32Array, options: ScopeOptions) {
    const threads = requireInteger('threads', options.threads ?? 1, 1, maxThreads)
    const filter = requireFilter('filter', options.filter, this.#size.rows)
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
