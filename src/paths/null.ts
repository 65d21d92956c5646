import type { PathContext, SearchPath } from './search-path.js'
import { createServerPath } from './server/server-path.js'
import { realArrayFormat } from './server/vector-codec.js'

/**
 * The cost of asking: the same parameter goes out, k ids come back, and no vector is looked at. What a path inside
 * the server takes beyond this is its own time.
 */
export function createNullPath(context: PathContext): SearchPath {
  return createServerPath(context, ({ k }) => ({
    id: 'null',
    exact: false,
    format: realArrayFormat,
    settings: { plan_cache_mode: 'force_generic_plan' },
    isAvailable: () => ({ available: true }),
    prepare: async () => [{ variant: {} }],
    describe: () => ({
      text: `SELECT id FROM generate_series(0, ${k - 1}) AS id WHERE $1::real[] IS NOT NULL`,
      settings: {},
      expectedPlan: [/Function Scan on generate_series/],
    }),
  }))
}
