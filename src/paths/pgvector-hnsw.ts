import { createIndexSearch } from './index-search.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'

/** pgvector's defaults, which its own documentation recommends to start from. */
const options = { m: 16, ef_construction: 64 }
/** pgvector refuses a larger ef_search. */
const maxEfSearch = 1000
/** A search cannot find more than ef_search rows; each step about halves the error. */
const efSteps = [1, 2, 4, 8, 16]

export function createPgvectorHnswPath(facts: PathFacts, context: PathContext): SearchPath {
  const least = Math.max(context.k, 10)
  const values = new Set(efSteps.map((step) => Math.min(step * least, maxEfSearch)))
  return createIndexSearch(facts, context, {
    method: 'hnsw',
    options,
    knob: { name: 'ef_search', parameter: 'hnsw.ef_search', values: () => [...values] },
  })
}
