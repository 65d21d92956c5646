import type { PathContext, VectorLibrary, VectorSearch } from './path-context.js'
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

/** Exact search in this process, without a server. `variants` name the `threads`, `codes` those of the set. */
export function createAddonSearch(
  facts: PathFacts,
  context: PathContext,
  variants: readonly Variant[],
  codes: { readonly codes?: 'levels' } = {},
): SearchPath {
  return {
    ...facts,
    isAvailable: () => findAvailability(context),
    designs: () => [{}],
    async prepare(design) {
      const { VectorSet } = await loadLibrary(context)
      const { base, metric } = context.dataset
      const start = performance.now()
      const set = VectorSet.from(base.data, { dims: base.dims, metric, ...codes })
      const ms = performance.now() - start
      const load = { ms, rowsPerSecond: (base.rows / ms) * 1000 }
      return new AddonCorpus({ facts, context, design, variants, set, load })
    },
  }
}

/** On demand: the paths of a server do not need the addon. */
async function loadLibrary({ library }: PathContext): Promise<VectorLibrary> {
  if (library !== undefined) return library
  const [{ VectorSet }, { capabilities }] = await Promise.all([
    import('../vectors/vector-set.js'),
    import('../vectors/capabilities.js'),
  ])
  return { VectorSet, capabilities }
}

async function findAvailability(context: PathContext): Promise<Availability> {
  const { capabilities } = await loadLibrary(context)
  try {
    capabilities()
    return { available: true }
  } catch (error) {
    // Another version's errors are of a class of their own.
    const failure = error instanceof Error ? error : new Error(String(error))
    const hint = 'hint' in failure ? ` ${String(failure.hint)}` : ''
    if (failure.name !== 'SimdgresError') throw error
    return { available: false, reason: `${failure.message}${hint}` }
  }
}

interface AddonParts {
  readonly facts: PathFacts
  readonly context: PathContext
  readonly design: Design
  readonly variants: readonly Variant[]
  readonly set: VectorSearch
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
    const { batchSize } = this.path
    // To listen to a signal takes microseconds. A search of one query is over before a user notices that it goes on.
    const options = { k, threads, ...(batchSize > 1 && { signal }) }
    return {
      settings: {},
      async search(queries: Float32Array): Promise<readonly Hits[]> {
        const { ids } = await set.search(queries, options)
        if (batchSize === 1) return [ids]
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
