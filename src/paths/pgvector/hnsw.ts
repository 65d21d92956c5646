import type { SearchKnob } from '../../result/search-knobs.js'
import type { IndexSearch } from './index-search.js'

/** pgvector's defaults, which its own documentation recommends to start from. */
export const hnsw = { method: 'hnsw', options: { m: 16, ef_construction: 64 } } as const

/** pgvector refuses a larger ef_search. */
const maxEfSearch = 1000
/** A search cannot find more than ef_search rows; each step about halves the error. */
const shownSteps = 5

/** Rows that the walk keeps, from k on in steps of two. `name` is what they are to the path. */
export function hnswKnob(name: SearchKnob, k: number): IndexSearch['knob'] {
  const ladder: number[] = []
  for (let value = Math.max(k, 10); value < maxEfSearch; value *= 2) ladder.push(value)
  ladder.push(maxEfSearch)
  return {
    name,
    parameter: 'hnsw.ef_search',
    values: () => ladder.slice(0, shownSteps),
    ladder: () => ladder,
  }
}
