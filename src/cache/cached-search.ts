import { types } from 'node:util'
import { invalidArgument, SimdgresError } from '../errors.js'
import { type RedisSettings, ResultStore } from './result-store.js'
import { copyHits, encodeHits, nameSearch, openHits, type SearchHits, sealHits } from './search-hits.js'
import type { TableVersions } from './table-versions.js'

export interface CachedSearchOptions {
  /** The table that is searched, watched by `versions`. */
  readonly table: string
  /** Part of the key. */
  readonly metric: string
  /** The search itself, on the same server that `versions` asks. It may keep the query array. */
  readonly search: (query: Float32Array, request: SearchRequest) => Promise<SearchHits>
  readonly versions: TableVersions
  readonly redis: RedisSettings
  /** How long Redis keeps a result. Default: 1 hour. It bounds memory; results are never stale. */
  readonly lifetimeMs?: number
  /** Longest wait for Redis. Default: 100 ms. */
  readonly timeoutMs?: number
}

export interface SearchRequest {
  readonly k: number
  /**
   * Everything else that the result depends on: `{ ef_search: 40 }`, the filter of a WHERE clause, the role if row-level
   * security applies. Searches that differ only in something missing here get each other's results.
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** How many searches ended how. */
export interface CacheStats {
  /** Answered by Redis. */
  readonly hits: number
  /** Searched; the result was offered to Redis. */
  readonly misses: number
  /** Answered by an identical search that was already running. */
  readonly shared: number
  /** Searched without asking Redis, because it is down or the table's changes cannot be seen. */
  readonly bypassed: number
  /** Replies from Redis that were not what had been stored. Each counts as a miss. */
  readonly rejected: number
  /** Failed operations: Redis was down or too slow, or the version could not be read. */
  readonly errors: number
  readonly lastError?: string
}

/** A search, with the version of the table that its caller saw. */
interface KeyedSearch {
  readonly name: string
  readonly version: Buffer
  readonly query: Float32Array
  readonly request: SearchRequest
}

const defaultLifetimeMs = 3_600_000
const defaultTimeoutMs = 100

/**
 * A search with Redis in front of it.
 *
 * A search returns what the table held when it was called, or later: a change that was committed before the call is
 * always included. That costs one round trip to PostgreSQL for the table's version in every search, and a second one
 * after a miss, so that no result is stored under a version older than itself. Redis is not trusted: if it is down, or
 * holds something else, the results are the same.
 */
export class CachedSearch {
  readonly #options: CachedSearchOptions
  readonly #store: ResultStore
  readonly #running = new Map<string, Promise<SearchHits>>()
  readonly #storing = new Set<Promise<void>>()
  readonly #counts = { hits: 0, misses: 0, shared: 0, bypassed: 0, rejected: 0, errors: 0 }
  #lastError: string | undefined

  private constructor(options: CachedSearchOptions) {
    this.#options = options
    this.#store = new ResultStore({
      ...options.redis,
      timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
      onError: (error) => this.#noteError(error),
    })
  }

  /**
   * Does not fail if Redis is down: searches use it as soon as it is back.
   * @throws ERR_UNAVAILABLE if the table is not watched; ERR_INVALID_ARGUMENT.
   */
  static async open(options: CachedSearchOptions): Promise<CachedSearch> {
    checkDuration('lifetimeMs', options.lifetimeMs ?? defaultLifetimeMs)
    checkDuration('timeoutMs', options.timeoutMs ?? defaultTimeoutMs)
    const cached = new CachedSearch(options)
    if ((await options.versions.read(options.table)) === undefined) {
      throw new SimdgresError(
        'ERR_UNAVAILABLE',
        `Changes of the table ${options.table} cannot all be seen: it, or a partition of it, is not watched`,
        'Call watch() of TableVersions for it, outside of a transaction.',
      )
    }
    await cached.#store.connect()
    return cached
  }

  get stats(): CacheStats {
    return { ...this.#counts, ...(this.#lastError !== undefined && { lastError: this.#lastError }) }
  }

  /**
   * The k nearest of `query`. Rejects only if the search itself does. Callers that ask the same thing at the same time
   * share one search, and each gets its own arrays.
   */
  async search(query: Float32Array, request: SearchRequest): Promise<SearchHits> {
    const { k, settings = {} } = request
    if (!types.isFloat32Array(query)) throw invalidArgument('query', 'a Float32Array', query)
    if (!(Number.isSafeInteger(k) && k >= 1)) throw invalidArgument('k', 'a whole number from 1', k)
    // The caller may reuse its array for the next query while this one waits.
    const own = query.slice()
    const version = this.#store.isUsable ? await this.#readVersion() : undefined
    if (version === undefined) {
      this.#counts.bypassed++
      return this.#options.search(own, request)
    }
    const { table, metric } = this.#options
    const name = nameSearch(version, { table, metric, k, settings, query: own })
    return copyHits(await this.#shareSearch({ name, version, query: own, request }))
  }

  /** Waits for results that are still being written to Redis, then disconnects. */
  async close(): Promise<void> {
    await Promise.all(this.#storing)
    await this.#store.close()
  }

  #shareSearch(search: KeyedSearch): Promise<SearchHits> {
    const { name } = search
    const running = this.#running.get(name)
    if (running !== undefined) {
      this.#counts.shared++
      return running
    }
    const started = this.#findOrSearch(search).finally(() => this.#running.delete(name))
    this.#running.set(name, started)
    return started
  }

  async #findOrSearch(search: KeyedSearch): Promise<SearchHits> {
    const { name, version, query, request } = search
    const stored = await this.#store.get(name)
    if (stored !== undefined) {
      const hits = openHits(version, name, stored)
      this.#counts[hits === undefined ? 'rejected' : 'hits']++
      if (hits !== undefined) return hits
    }
    this.#counts.misses++
    const hits = await this.#options.search(query, request)
    const storing = this.#keep(search, encodeHits(hits)).finally(() => this.#storing.delete(storing))
    this.#storing.add(storing)
    return hits
  }

  /**
   * The search began after the version was read. If the version is still the same once it has ended, the search saw
   * exactly that version, because later snapshots never see less.
   */
  async #keep({ name, version }: KeyedSearch, encoded: Buffer): Promise<void> {
    const now = await this.#readVersion()
    if (now === undefined || !now.equals(version)) return
    const { lifetimeMs = defaultLifetimeMs } = this.#options
    await this.#store.set(name, sealHits(version, name, encoded), lifetimeMs)
  }

  async #readVersion(): Promise<Buffer | undefined> {
    try {
      return await this.#options.versions.read(this.#options.table)
    } catch (error) {
      // The search asks the same server and will report what is wrong with it.
      this.#noteError(error instanceof Error ? error : new Error(String(error)))
      return undefined
    }
  }

  #noteError(error: Error): void {
    this.#counts.errors++
    this.#lastError = error.message
  }
}

function checkDuration(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) {
    throw invalidArgument(name, 'a whole number of milliseconds from 1', value)
  }
}
