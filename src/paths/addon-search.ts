import { SimdgresError } from '../errors.js'
import type { VectorSet } from '../vectors/vector-set.js'
import type {
  Availability,
  Hits,
  PathContext,
  PathId,
  PreparedVariant,
  SearchPath,
  Variant,
} from './search-path.js'

export interface AddonSearch {
  readonly id: PathId
  readonly batchSize: number
  readonly variants: readonly Variant[]
}

/** Exact search in this process, without a server. */
export function createAddonSearch(context: PathContext, search: AddonSearch): SearchPath {
  return new AddonPath(context, search)
}

class AddonPath implements SearchPath {
  readonly exact = true
  readonly #context: PathContext
  readonly #search: AddonSearch
  #set: VectorSet | undefined
  #threads = 1

  constructor(context: PathContext, search: AddonSearch) {
    this.#context = context
    this.#search = search
  }

  get id(): PathId {
    return this.#search.id
  }

  get batchSize(): number {
    return this.#search.batchSize
  }

  async isAvailable(): Promise<Availability> {
    try {
      const { capabilities } = await import('../vectors/capabilities.js')
      capabilities()
      return { available: true }
    } catch (error) {
      if (!(error instanceof SimdgresError)) throw error
      return { available: false, reason: `${error.message} ${error.hint}` }
    }
  }

  async prepare(): Promise<readonly PreparedVariant[]> {
    // Loaded on demand: the paths of a server do not need the addon.
    const { VectorSet } = await import('../vectors/vector-set.js')
    const { base, metric } = this.#context.dataset
    const start = performance.now()
    this.#set = VectorSet.from(base.data, { dims: base.dims, metric })
    const ms = performance.now() - start
    const load = { ms, rowsPerSecond: (base.rows / ms) * 1000 }
    return this.#search.variants.map((variant) => ({ variant, load }))
  }

  async use(variant: Variant): Promise<void> {
    this.#threads = Number(variant['threads'])
  }

  async search(queries: Float32Array): Promise<readonly Hits[]> {
    const { k, signal, dataset } = this.#context
    const { ids } = await this.#set!.search(queries, { k, threads: this.#threads, signal })
    const found = Math.min(k, dataset.base.rows)
    return Array.from({ length: ids.length / found }, (_, i) => ids.subarray(i * found, (i + 1) * found))
  }

  async explain(): Promise<string> {
    return ''
  }

  async dispose(): Promise<void> {
    this.#set?.close()
    this.#set = undefined
  }
}
