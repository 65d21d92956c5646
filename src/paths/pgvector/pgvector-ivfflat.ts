import type { PathContext } from '../path-context.js'
import type { PathFacts, SearchPath } from '../search-path.js'
import { createIndexSearch, vectorColumn } from './index-search.js'

/** pgvector's advice: rows / 1000 lists up to a million rows, sqrt(rows) above; sqrt(lists) probes to begin with. */
const rowsForRoot = 1_000_000
const probeSteps = [0.5, 1, 2, 4]

export function createPgvectorIvfflatPath(facts: PathFacts, context: PathContext): SearchPath {
  const { rows } = context.dataset.base
  const lists = Math.max(1, Math.round(rows > rowsForRoot ? Math.sqrt(rows) : rows / 1000))
  return createIndexSearch(facts, context, {
    method: 'ivfflat',
    name: 'ivfflat',
    options: { lists },
    indexed: vectorColumn,
    knob: {
      name: 'probes',
      parameter: 'ivfflat.probes',
      values: ({ lists }) => listProbes(lists!),
      ladder: ({ lists }) => listLadder(lists!),
    },
  })
}

function listProbes(lists: number): number[] {
  const values = probeSteps.map((step) => Math.min(lists, Math.max(1, Math.round(step * Math.sqrt(lists)))))
  return [...new Set(values)]
}

/** In steps of two, to all of them. */
export function listLadder(lists: number): number[] {
  const ladder: number[] = []
  for (let probes = 1; probes < lists; probes *= 2) ladder.push(probes)
  return [...ladder, lists]
}
