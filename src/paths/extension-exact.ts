import { createExactScan } from './exact-scan.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'
import { metricOperators } from './server/metric-operators.js'

/** The extension's distance function on every row of pgvector's own type, on the heap `pgvector-exact` reads. */
export function createExtensionExactPath(facts: PathFacts, context: PathContext): SearchPath {
  return createExactScan(facts, context, {
    orderBy: metricOperators[context.dataset.metric].extensionOrder,
    isAvailable: async (workspace) => workspace.availability('simdgres'),
  })
}
