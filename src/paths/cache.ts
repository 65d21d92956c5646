import type pg from 'pg'
import { CachedSearch } from '../cache/cached-search.js'
import { TableVersions } from '../cache/table-versions.js'
import { throwIfAborted } from '../errors.js'
import type { CacheServer } from '../targets/cache-server.js'
import { findCacheProblem, startCacheServer } from '../targets/choose-cache.js'
import type { ConnectionInfo } from '../targets/target.js'
import type { PathContext } from './path-context.js'
import { createPgvectorExactPath } from './pgvector-exact.js'
import type {
  Corpus,
  Design,
  Hits,
  LoadStats,
  PathFacts,
  Plan,
  Searcher,
  SearchPath,
  Variant,
} from './search-path.js'
import type { Session } from './server/session.js'
import { readStorage } from './server/vector-table.js'
import { schemaName } from './server/workspace.js'

/** A stall of the machine must not look like a Redis that is away. */
const timeoutMs = 2000

/** Queries that are put into the cache whatever they cost: rows need some. */
const leastFilled = 10

/** What a call of this share of hits costs; between them the mean is a straight line. */
const hitRatios = [0, 1]

/**
 * `pgvector-exact` behind Redis. Every query is asked for many times in a run, so how often the cache has the answer
 * is not left to chance: a row's queries are all in it, or none is.
 */
export function createCachePath(facts: PathFacts, context: PathContext): SearchPath {
  const exactPath = createPgvectorExactPath(facts, context)
  return {
    ...facts,
    async isAvailable() {
      const availability = await exactPath.isAvailable()
      if (!availability.available) return availability
      const reason = findCacheProblem(context.target ?? 'local')
      return reason === undefined ? availability : { available: false, reason }
    },
    designs: () => [{}],
    async prepare(design) {
      const exact = await exactPath.prepare(design)
      const table = `${schemaName}.vectors_${readStorage(design, context.dataset.base.dims)}`
      const corpus = new CacheCorpus({ context, design, exact, table })
      try {
        await corpus.fill()
        return corpus
      } catch (error) {
        await corpus.dispose()
        throw error
      }
    },
  }
}

interface CacheParts {
  readonly context: PathContext
  readonly design: Design
  /** Answers what is not in the cache. */
  readonly exact: Corpus
  readonly table: string
}

class CacheCorpus implements Corpus {
  readonly #parts: CacheParts
  #redis: CacheServer | undefined
  #queryRows: ReadonlySet<number> | undefined
  /** Of all searches that must miss, so that no two of them are the same, in another run neither. */
  #count = 0
  readonly #run = `${process.pid} ${Date.now()}`

  constructor(parts: CacheParts) {
    this.#parts = parts
  }

  get path(): PathFacts {
    return this.#parts.exact.path
  }

  get design(): Design {
    return this.#parts.design
  }

  get load(): LoadStats {
    return this.#parts.exact.load!
  }

  variants(): readonly Variant[] {
    const workers = this.#parts.exact.variants().flatMap((variant) => variant['workers'] ?? [])
    return hitRatios.map((ratio) => ({ hit_ratio: ratio, workers: workers.at(-1)! }))
  }

  /** Those that are in the cache, where its time was over before all were. */
  get queryRows(): ReadonlySet<number> | undefined {
    return this.#queryRows
  }

  /** Starts Redis and puts answers into it: to every query, or to as many as the time of a row allows. */
  async fill(): Promise<void> {
    const { context, table } = this.#parts
    const { workspace, progress, signal, target = 'local' } = context
    this.#redis = await startCacheServer(target, { progress, signal })
    const session = await workspace!.connect()
    try {
      const versions = versionsOver(session)
      await versions.install()
      await versions.watch(table)
    } finally {
      await session.close()
    }
    const { rows } = context.dataset.queries
    const filled = await this.#putAnswers()
    if (filled === rows) return
    this.#queryRows = new Set(Array.from({ length: filled }, (_, row) => row))
    workspace!.notices.push(
      `cache: ${filled} of ${rows} queries were put into the cache in the time of a row, and its rows ask these alone. ` +
        'Give it more --seconds for more of them.',
    )
  }

  /** Resolves to how many queries it had time for. */
  async #putAnswers(): Promise<number> {
    const { dataset, k, progress, signal, budgetMs = Number.POSITIVE_INFINITY } = this.#parts.context
    const { data, rows, dims } = dataset.queries
    const client = await this.#connect(this.variants().at(-1)!)
    try {
      const deadline = performance.now() + budgetMs
      for (let row = 0; row < rows; row++) {
        if (row >= leastFilled && performance.now() >= deadline) return row
        throwIfAborted(signal)
        await client.cached.search(data.subarray(row * dims, (row + 1) * dims), { k })
        progress.step('Filling the cache', row + 1, rows)
      }
      return rows
    } finally {
      await client.close()
    }
  }

  async open(variant: Variant, server?: ConnectionInfo): Promise<Searcher> {
    const client = await this.#connect(variant, server)
    return new CacheSearcher(client, {
      k: this.#parts.context.k,
      hitRatio: Number(variant['hit_ratio']),
      name: () => `${this.#run} ${this.#count++}`,
      note: (message) => this.#parts.context.workspace!.notices.push(message),
    })
  }

  async dispose(): Promise<void> {
    await this.#redis?.stop()
    await this.#parts.exact.dispose()
  }

  async #connect(variant: Variant, server?: ConnectionInfo): Promise<CacheClient> {
    const { context, exact, table } = this.#parts
    const { workers } = variant
    const fallback = await exact.open(workers === undefined ? {} : { workers }, server)
    try {
      const session = await context.workspace!.connect({ ...(server && { server }) })
      const cached = await CachedSearch.open({
        table,
        metric: context.dataset.metric,
        versions: versionsOver(session),
        redis: this.#redis!.redis,
        timeoutMs,
        search: async (query) => {
          const [ids] = await fallback.search(query)
          return { ids: ids!, distances: new Float64Array(0) }
        },
      })
      const close = async () => {
        await cached.close()
        await session.close()
        await fallback.close()
      }
      return { cached, fallback, close }
    } catch (error) {
      await fallback.close()
      throw error
    }
  }
}

interface CacheClient {
  readonly cached: CachedSearch
  /** What runs where the cache does not have the answer. */
  readonly fallback: Searcher
  close(): Promise<void>
}

interface CacheUse {
  readonly k: number
  readonly hitRatio: number
  /** A name that no search had before. */
  name(): string
  note(message: string): void
}

class CacheSearcher implements Searcher {
  readonly #client: CacheClient
  readonly #use: CacheUse

  constructor(client: CacheClient, use: CacheUse) {
    this.#client = client
    this.#use = use
  }

  get settings(): Readonly<Record<string, string>> {
    return this.#client.fallback.settings
  }

  async search(queries: Float32Array): Promise<readonly Hits[]> {
    const { k, hitRatio, name } = this.#use
    const settings = hitRatio === 1 ? {} : { search: name() }
    const { ids } = await this.#client.cached.search(queries, { k, settings })
    return [ids as Uint32Array]
  }

  async explain(query: Float32Array): Promise<Plan | undefined> {
    return this.#use.hitRatio === 1 ? undefined : this.#client.fallback.explain(query)
  }

  async close(): Promise<void> {
    this.#checkRatio()
    await this.#client.close()
  }

  /** Says in the report where the row's name would not be true: Redis was away, or had to make room. */
  #checkRatio(): void {
    const { hitRatio, note } = this.#use
    const { hits, misses, bypassed } = this.#client.cached.stats
    const isAsNamed = bypassed === 0 && (hitRatio === 1 ? misses === 0 : hits === 0)
    if (isAsNamed) return
    note(
      `Not all searches of cache hit_ratio=${hitRatio} were as named: Redis was away, or its memory was full.`,
    )
  }
}

function versionsOver(session: Session): TableVersions {
  return new TableVersions(
    {
      query: <Row extends Record<string, unknown>>(statement: pg.QueryConfig) =>
        session.run('asking for the version of a table', (client) => client.query<Row>(statement)),
    },
    { schema: schemaName },
  )
}
