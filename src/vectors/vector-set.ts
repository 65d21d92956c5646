import { invalidArgument, SimdgresError, throwIfAborted } from '../errors.js'
import { addon, type ResultHandle, type SetHandle } from './addon.js'
import { requireFloat32, requireInteger, requireOneOf, requireRows, requireSignal } from './arguments.js'
import type { Metric } from './metric.js'
import { metrics } from './metric.js'

/** What the vectors of a set are. */
export interface VectorSetOptions {
  /** Values per vector, 1 to 65536. */
  readonly dims: number
  readonly metric: Metric
}

/** What a search returns, and how much of the machine it may use. */
export interface SyncSearchOptions {
  /** Neighbours per query, at least 1; more than there are rows gives all rows. */
  readonly k: number
  /** Threads that work on this search, 1 by default; more than the machine's processors are of no use. */
  readonly threads?: number
}

/** As for `searchSync`, and a way to stop it. */
export interface SearchOptions extends SyncSearchOptions {
  /** Aborting it rejects with ERR_ABORTED at once; the threads stop within about a millisecond of reading. */
  readonly signal?: AbortSignal
}

/** The neighbours of all queries of one call. */
export interface SearchResult {
  /** queries × min(k, rows) row numbers, row-major, nearest first, ties by smaller id. */
  readonly ids: Uint32Array<ArrayBuffer>
  /** The distance of each id: `l2` is the root, `ip` the negative inner product, `l1` the sum. */
  readonly distances: Float64Array<ArrayBuffer>
}

const maxDims = 65_536
/** Ids are 32-bit numbers. */
const maxRows = 0xffff_ffff
const maxThreads = 1024

/**
 * Vectors in native memory, searched exactly: the ids and distances are those of a plain float64 loop over
 * all rows. SIMD kernels look at each row in f32, and every row that their error bound does not rule out is
 * measured again in float64. Distances that are NaN (a cosine with a zero vector, NaN in a vector) come last.
 *
 * Searches run on the addon's own threads: neither the event loop nor libuv's pool waits for them.
 */
export class VectorSet {
  readonly rows: number
  readonly dims: number
  readonly metric: Metric
  #handle: SetHandle | undefined

  private constructor(handle: SetHandle, rows: number, dims: number, metric: Metric) {
    this.#handle = handle
    this.rows = rows
    this.dims = dims
    this.metric = metric
  }

  /**
   * Copies `data`, row-major, rows × dims values; later changes to it have no effect. The id of a vector is its
   * row number. A view (`subarray`) counts from its own start, and may be over a SharedArrayBuffer.
   * @throws SimdgresError ERR_INVALID_ARGUMENT for data that is not whole rows, ERR_RESOURCE for too little memory.
   */
  static from(data: Float32Array, options: VectorSetOptions): VectorSet {
    const dims = requireInteger('dims', options?.dims, 1, maxDims)
    const metric = requireOneOf('metric', options.metric, metrics)
    const rows = requireRows('data', requireFloat32('data', data).length, dims)
    if (rows > maxRows) throw invalidArgument('rows', `at most ${maxRows} rows`, rows)
    try {
      return new VectorSet(addon().createSet(data, dims, metrics.indexOf(metric)), rows, dims, metric)
    } catch (error) {
      if (error instanceof SimdgresError) throw error
      throw outOfMemory(`a copy of ${data.byteLength} bytes of vectors`, error)
    }
  }

  /**
   * The k nearest rows of each query. `queries` is copied: it may change during the search.
   * @throws SimdgresError (as rejection) ERR_INVALID_ARGUMENT, ERR_ABORTED, ERR_RESOURCE.
   */
  async search(queries: Float32Array, options: SearchOptions): Promise<SearchResult> {
    // Read once, before the checks: a getter could close the set.
    const signal = requireSignal('signal', options?.signal)
    const { handle, k, threads, count } = this.#check(queries, options)
    throwIfAborted(signal)
    try {
      const { done, token } = addon().startSearch(handle, queries, k, threads)
      const result = await settle(done, signal, () => addon().cancelSearch(token))
      return unpack(result, count)
    } catch (error) {
      throw explainFailure(error)
    }
  }

  /** As `search`, on the calling thread and the addon's; nothing else runs in JavaScript until it ends. */
  searchSync(queries: Float32Array, options: SyncSearchOptions): SearchResult {
    const { handle, k, threads, count } = this.#check(queries, options)
    try {
      return unpack(addon().searchSync(handle, queries, k, threads), count)
    } catch (error) {
      throw explainFailure(error)
    }
  }

  /** Frees the native memory at once, or when the last running search on it ends. Safe to call twice. */
  close(): void {
    if (this.#handle) addon().closeSet(this.#handle)
    this.#handle = undefined
  }

  /** `using set = VectorSet.from(…)` closes it at the end of the block. */
  [Symbol.dispose](): void {
    this.close()
  }

  #check(queries: Float32Array, options: SyncSearchOptions) {
    const k = Math.min(requireInteger('k', options?.k, 1, maxRows), this.rows)
    const threads = requireInteger('threads', options.threads ?? 1, 1, maxThreads)
    const queryCount = requireRows('queries', requireFloat32('queries', queries).length, this.dims)
    // Last: options are the caller's objects, and reading them may run his code.
    if (!this.#handle) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        'Expected an open VectorSet but it has been closed',
        'Make a new one with VectorSet.from.',
      )
    }
    return { handle: this.#handle, k, threads, count: queryCount * k }
  }
}

/** Rejects as soon as the signal fires; `cancel` then makes the threads drop what is left of the work. */
function settle(
  done: Promise<ResultHandle | undefined>,
  signal: AbortSignal | undefined,
  cancel: () => void,
): Promise<ResultHandle> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel()
      try {
        throwIfAborted(signal)
      } catch (error) {
        reject(error)
      }
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    done
      .finally(() => signal?.removeEventListener('abort', onAbort))
      // Undefined: cancelled, which has rejected already.
      .then((result) => result && resolve(result), reject)
  })
}

/** @param count of ids, and of distances. @throws RangeError where there is no memory for them. */
function unpack(result: ResultHandle, count: number): SearchResult {
  const ids = new Uint32Array(count)
  const distances = new Float64Array(count)
  addon().takeResult(result, ids, distances)
  return { ids, distances }
}

/** Memory and threads are all that can be missing once arguments are valid. */
function explainFailure(error: unknown): unknown {
  if (error instanceof SimdgresError || !(error instanceof Error)) return error
  if (error instanceof RangeError || /memory|alloc/i.test(error.message))
    return outOfMemory('the search', error)
  return new SimdgresError(
    'ERR_RESOURCE',
    `The system gives the search no thread (${error.message})`,
    'Raise the limit on processes: ulimit -u, or the pids limit of the container.',
    { cause: error },
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
