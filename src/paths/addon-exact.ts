import { createAddonSearch } from './addon-search.js'
import type { PathContext, SearchPath } from './search-path.js'

/** One query at a time: on one thread, and with the rows divided among all of them. */
export function createAddonExactPath(context: PathContext): SearchPath {
  const threadCounts = new Set([1, context.threads])
  return createAddonSearch(context, {
    id: 'addon-exact',
    batchSize: 1,
    variants: [...threadCounts].map((threads) => ({ threads })),
  })
}
