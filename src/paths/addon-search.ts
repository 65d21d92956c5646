import { SimdgresError } from '../errors.js'
import type { VectorSet } from '../vectors/vector-set.js'
import type { PathContext } from './path-context.js'
import type {
  Availability,
  Corpus,
  Design,
  Hits,
  LoadStats,
  PathFacts,
  Searcher,
  SearchPath,
  Variant,
} from './search-path.js'

/** Exact search in this process, without a server. `variants` name the `threads`. */
export function createAddonSearch(
  facts: PathFacts,
  context: PathContext,
  variants: readonly Variant[],
): SearchPath {
  return {
    ...facts,
    isAvailable,
    designs: () => [{}],
    async prepare(design) {
      // Loaded on demand: the paths of a server do not need the addon.
      const { VectorSet } = await import('../vectors/vector-set.js')
      const { base, metric } = context.dataset
      const start = performance.now()
      const set = VectorSet.from(base.data, { dims: base.dims, metric })
      const ms = performance.now() - start
      const load = { ms, rowsPerSecond: (base.rows / ms) * 1000 }
      return new AddonCorpus({ facts, context, design, variants, set, load })
    },
  }
}

async function isAvailable(): Promise<Availability> {
  try {
    const { capabilities } = await import('../vectors/capabilities.js')
    capabilities()
    return { available: true }
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    return { available: false, reason: `${error.message} ${error.hint}` }
  }
}

interface AddonParts {
  readonly facts: PathFacts
  readonly context: PathContext
  readonly design: Design
  readonly variants: readonly Variant[]
  readonly set: VectorSet
  readonly load: LoadStats
}

class AddonCorpus implements Corpus {
  readonly #parts: AddonParts

  constructor(parts: AddonParts) {
    this.#parts = parts
  }

  get path(): PathFacts {
    return this.#parts.facts
  }

  get design(): Design {
    return this.#parts.design
  }

  get load(): LoadStats {
    return this.#parts.load
  }

  variants(): readonly Variant[] {
    return this.#parts.variants
  }

  async open(variant: Variant): Promise<Searcher> {
    const { set, context } = this.#parts
    const { k, signal, dataset } = context
    const threads = Number(variant['threads'] ?? 1)
    const found = Math.min(k, dataset.base.rows)
    return {
      settings: {},
      async search(queries: Float32Array): Promise<readonly Hits[]> {
        const { ids } = await set.search(queries, { k, threads, signal })
        return Array.from({ length: ids.length / found }, (_, i) => ids.subarray(i * found, (i + 1) * found))
      },
      explain: async () => undefined,
      close: async () => undefined,
    }
  }

  async dispose(): Promise<void> {
    this.#parts.set.close()
  }
}
