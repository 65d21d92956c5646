import { createExactScan } from './exact-scan.js'
import type { PathContext, SearchPath } from './search-path.js'
import { metricOperators } from './server/metric-operators.js'

/** pgvector without an index: its operator on every row. */
export function createPgvectorExactPath(context: PathContext): SearchPath {
  const { operator } = metricOperators[context.dataset.metric]
  return createExactScan(context, {
    id: 'pgvector-exact',
    orderBy: `embedding ${operator} $1::vector`,
    isAvailable: (workspace) => workspace.availability('vector'),
  })
}
