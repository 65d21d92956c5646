import { createExactScan } from './exact-scan.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'
import { metricOperators } from './server/metric-operators.js'

/** pgvector without an index: its operator on every row. */
export function createPgvectorExactPath(facts: PathFacts, context: PathContext): SearchPath {
  const { metric } = context.dataset
  return createExactScan(facts, context, {
    orderBy: `embedding ${metricOperators[metric].operator} $1::vector`,
    isAvailable: (workspace) => workspace.checkVector([metric]),
  })
}
