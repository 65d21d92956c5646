import { hnsw, hnswKnob } from './hnsw.js'
import { createIndexSearch, indexColumn } from './index-search.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'
import { maxInlineDims } from './server/vector-table.js'

export function createPgvectorHnswPath(facts: PathFacts, context: PathContext): SearchPath {
  return createIndexSearch(facts, context, {
    ...hnsw,
    name: 'hnsw',
    indexed: {
      ...indexColumn('vector'),
      maxDims: maxInlineDims,
      moreDims: 'use pgvector-hnsw-halfvec, pgvector-hnsw-bit or an exact path',
      needs: [],
    },
    knob: hnswKnob('ef_search', context.k),
  })
}
