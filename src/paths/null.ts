import type { PathContext } from './path-context.js'
import type { PathFacts, SearchPath } from './search-path.js'
import { realArrayFormat } from './server/vector-codec.js'
import { createServerPath } from './server-path.js'

/**
 * The cost of asking: the same parameter goes out, k ids come back, and no vector is looked at. What a path inside
 * the server takes beyond this is its own time.
 */
export function createNullPath(facts: PathFacts, context: PathContext): SearchPath {
  return createServerPath(facts, context, {
    format: realArrayFormat,
    settings: { plan_cache_mode: 'force_generic_plan' },
    isAvailable: async () => ({ available: true }),
    designs: [{}],
    prepare: async () => ({
      variants: [{}],
      describe: () => ({
        text: `SELECT id FROM generate_series(0, ${context.k - 1}) AS id WHERE $1::real[] IS NOT NULL`,
        settings: {},
        expectedPlan: [/Function Scan on generate_series/],
      }),
    }),
  })
}
