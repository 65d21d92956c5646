import { createAddonExactPath } from './addon-exact.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'

/** As `addon-exact`, by levelled codes: few of the vectors are read. */
export function createAddonLevelsPath(facts: PathFacts, context: PathContext): SearchPath {
  return createAddonExactPath(facts, context, { codes: 'levels' })
}
