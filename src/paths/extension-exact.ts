import { createExactScan } from './exact-scan.js'
import type { PathContext, SearchPath } from './search-path.js'
import { metricOperators } from './server/metric-operators.js'

/** The extension's distance function on every row of pgvector's own type, on the heap `pgvector-exact` reads. */
export function createExtensionExactPath(context: PathContext): SearchPath {
  return createExactScan(context, {
    id: 'extension-exact',
    orderBy: metricOperators[context.dataset.metric].extensionOrder,
    isAvailable: (workspace) => workspace.availability('simdgres'),
  })
}
