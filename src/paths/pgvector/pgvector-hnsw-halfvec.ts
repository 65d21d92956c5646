import type { PathContext } from '../path-context.js'
import type { PathFacts, SearchPath } from '../search-path.js'
import { maxInlineHalfDims } from '../server/vector-table.js'
import { hnsw, hnswKnob } from './hnsw.js'
import { createIndexSearch, indexColumn } from './index-search.js'

/** Vectors kept in half precision, in table and index alike: half the bytes, and up to 4,000 dimensions. */
export function createPgvectorHnswHalfvecPath(facts: PathFacts, context: PathContext): SearchPath {
  return createIndexSearch(facts, context, {
    ...hnsw,
    name: 'hnsw_halfvec',
    indexed: {
      ...indexColumn('halfvec'),
      maxDims: maxInlineHalfDims,
      moreDims: 'use pgvector-hnsw-bit or an exact path',
      needs: ['halfvec'],
    },
    knob: hnswKnob('ef_search', context.k),
  })
}
