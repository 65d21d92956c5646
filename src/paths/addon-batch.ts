import { createAddonSearch } from './addon-search.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'

/** Many queries at once: every row that is read from memory serves all of them. */
export function createAddonBatchPath(facts: PathFacts, context: PathContext): SearchPath {
  return createAddonSearch(facts, context, [{ threads: context.threads, batch: facts.batchSize }])
}
