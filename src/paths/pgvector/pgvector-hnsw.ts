import type { PathContext } from '../path-context.js'
import type { PathFacts, SearchPath } from '../search-path.js'
import { hnsw, hnswKnob } from './hnsw.js'
import { createIndexSearch, vectorColumn } from './index-search.js'

export function createPgvectorHnswPath(facts: PathFacts, context: PathContext): SearchPath {
  return createIndexSearch(facts, context, {
    ...hnsw,
    name: 'hnsw',
    indexed: vectorColumn,
    knob: hnswKnob('ef_search', context.k),
  })
}
