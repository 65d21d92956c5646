import type { Variant } from '../search-path.js'
import type { Workspace } from '../server/workspace.js'

/**
 * How an index goes on where a filter has left too few rows (pgvector's `hnsw.iterative_scan` and the like). IVFFlat has
 * no strict order.
 */
const modes = {
  hnsw: ['off', 'relaxed_order', 'strict_order'],
  ivfflat: ['off', 'relaxed_order'],
} as const

export type IndexMethod = keyof typeof modes

/** A part of a variant for each mode that this server has; an older pgvector, which the report then says, knows none. */
export async function listScanModes(
  workspace: Workspace,
  method: IndexMethod,
  parameter = scanParameter(method),
): Promise<readonly Variant[]> {
  // Its parameters are known to a session that has used it.
  await workspace.session.query("SELECT '[1]'::vector")
  const known = await workspace.session.query('SELECT FROM pg_settings WHERE name = $1', [parameter])
  if (known.length > 0) return modes[method].map((mode) => ({ iterative_scan: mode }))
  workspace.notices.push(
    `The server's pgvector has no ${parameter}, so the rows of ${method} under a filter have what one pass through the index ` +
      'finds. Install pgvector 0.8 or newer on the server.',
  )
  return [{}]
}

export function scanParameter(method: IndexMethod): string {
  return `${method}.iterative_scan`
}
