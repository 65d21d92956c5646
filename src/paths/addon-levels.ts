import { createAddonSearch } from './addon-search.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'

/** As `addon-exact`, by levelled codes: few of the vectors are read. */
export function createAddonLevelsPath(facts: PathFacts, context: PathContext): SearchPath {
  const threadCounts = new Set([1, context.threads])
  return createAddonSearch(
    facts,
    context,
    [...threadCounts].map((threads) => ({ threads })),
    { codes: 'levels' },
  )
}
