import type pg from 'pg'
import { CachedSearch, type CacheStats } from '../cache/cached-search.js'
import { TableVersions } from '../cache/table-versions.js'
import { throwIfAborted } from '../errors.js'
import type { CacheServer } from '../targets/cache-server.js'
import { findCacheProblem, startCacheServer } from '../targets/choose-cache.js'
import { createPgvectorExactPath } from './pgvector-exact.js'
import type { Availability, Hits, PathContext, PreparedVariant, SearchPath, Variant } from './search-path.js'
import type { Session } from './server/session.js'
import { schemaName } from './server/workspace.js'

/** A stall of the machine must not look like a Redis that is away. */
const timeoutMs = 2000

/** What a call of this share of hits costs; between them the mean is a straight line. */
const hitRatios = [0, 1]

/**
 * `pgvector-exact` behind Redis. Every query is asked for many times in a run, so how often the cache has the answer
 * is not left to chance: a row's queries are all in it, or none is.
 */
export function createCachePath(context: PathContext): SearchPath {
  return new CachePath(context)
}

class CachePath implements SearchPath {
  readonly id = 'cache'
  readonly exact = true
  readonly batchSize = 1
  readonly #context: PathContext
  readonly #exact: SearchPath
  #session: Session | undefined
  #server: CacheServer | undefined
  #cached: CachedSearch | undefined
  #hitRatio = 0
  /** Of all searches of this path, so that no two of them are the same. */
  #count = 0
  #before: CacheStats | undefined

  constructor(context: PathContext) {
    this.#context = context
    this.#exact = createPgvectorExactPath(context)
  }

  async isAvailable(): Promise<Availability> {
    const availability = await this.#exact.isAvailable()
    if (!availability.available) return availability
    const reason = findCacheProblem(this.#context.target ?? 'local')
    return reason === undefined ? availability : { available: false, reason }
  }

  async prepare(): Promise<readonly PreparedVariant[]> {
    const searched = await this.#exact.prepare()
    const { variant, load } = searched.findLast(({ variant: { storage } }) => {
      return storage === searched[0]!.variant['storage']
    })!
    await this.#exact.use(variant)
    await this.#open(`${schemaName}.vectors_${variant['storage']}`)
    await this.#fill()
    return hitRatios.map((ratio) => ({
      variant: { hit_ratio: ratio, workers: variant['workers']! },
      ...(load && { load }),
    }))
  }

  async use(variant: Variant): Promise<void> {
    this.#checkRatio()
    this.#hitRatio = Number(variant['hit_ratio'])
    this.#before = this.#cached!.stats
  }

  async search(queries: Float32Array): Promise<readonly Hits[]> {
    const settings = this.#hitRatio === 1 ? {} : { search: this.#count++ }
    const { ids } = await this.#cached!.search(queries, { k: this.#context.k, settings })
    return [ids as Uint32Array]
  }

  /** What runs where the cache does not have the answer. */
  async explain(query: Float32Array): Promise<string> {
    this.#checkRatio()
    return this.#hitRatio === 1 ? '' : this.#exact.explain(query)
  }

  async dispose(): Promise<void> {
    await this.#cached?.close()
    await this.#session?.close()
    await this.#server?.stop()
    await this.#exact.dispose()
  }

  async #open(table: string): Promise<void> {
    const { workspace, target = 'local', progress, signal } = this.#context
    const session = await workspace!.connect()
    this.#session = session
    const versions = new TableVersions(
      {
        query: <Row extends Record<string, unknown>>(statement: pg.QueryConfig) =>
          session.run('asking for the version of a table', (client) => client.query<Row>(statement)),
      },
      { schema: schemaName },
    )
    await versions.install()
    await versions.watch(table)
    this.#server = await startCacheServer(target, { progress, signal })
    this.#cached = await CachedSearch.open({
      table,
      metric: this.#context.dataset.metric,
      versions,
      redis: this.#server.redis,
      timeoutMs,
      search: async (query) => {
        const [ids] = await this.#exact.search(query)
        return { ids: ids!, distances: new Float64Array(0) }
      },
    })
  }

  async #fill(): Promise<void> {
    const { dataset, k, progress, signal } = this.#context
    const { data, rows, dims } = dataset.queries
    for (let row = 0; row < rows; row++) {
      throwIfAborted(signal)
      await this.#cached!.search(data.subarray(row * dims, (row + 1) * dims), { k })
      progress.step('Filling the cache', row + 1, rows)
    }
  }

  /** Says in the report where the row's name would not be true: Redis was away, or had to make room. */
  #checkRatio(): void {
    const before = this.#before
    if (before === undefined) return
    const { hits, misses, bypassed } = this.#cached!.stats
    const isAsNamed =
      bypassed === before.bypassed && (this.#hitRatio === 1 ? misses === before.misses : hits === before.hits)
    if (isAsNamed) return
    this.#context.workspace!.notices.push(
      `Not all searches of cache hit_ratio=${this.#hitRatio} were as named: Redis was away, or its memory was full.`,
    )
  }
}
