import { createExactScan } from './exact-scan.js'
import { metricOperators } from './metric-operators.js'
import type { PathContext, SearchPath } from './search-path.js'

/** pgvector without an index: its operator on every row. */
export function createPgvectorExactPath(context: PathContext): SearchPath {
  const { operator } = metricOperators[context.dataset.metric]
  return createExactScan(context, {
    id: 'pgvector-exact',
    orderBy: `embedding ${operator} $1::vector`,
    isAvailable: (workspace) => workspace.availability('vector'),
  })
}
