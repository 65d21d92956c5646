import { createAddonSearch } from './addon-search.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'

/** One query at a time: on one thread, and with the rows divided among all of them. `codes` are those of the set. */
export function createAddonExactPath(
  facts: PathFacts,
  context: PathContext,
  codes: { readonly codes?: 'levels' } = {},
): SearchPath {
  const threadCounts = new Set([1, context.threads])
  return createAddonSearch(
    facts,
    context,
    [...threadCounts].map((threads) => ({ threads })),
    codes,
  )
}
