import { createAddonSearch } from './addon-search.js'
import type { PathContext, SearchPath } from './search-path.js'

/** Enough queries that reading the rows once for all of them no longer shows in the time per query. */
const batchSize = 100

/** Many queries at once: every row that is read from memory serves all of them. */
export function createAddonBatchPath(context: PathContext): SearchPath {
  return createAddonSearch(context, {
    id: 'addon-batch',
    batchSize,
    variants: [{ threads: context.threads, batch: batchSize }],
  })
}
