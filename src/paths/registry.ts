import { createAddonBatchPath } from './addon-batch.js'
import { createAddonExactPath } from './addon-exact.js'
import { createCachePath } from './cache.js'
import { createExtensionExactPath } from './extension-exact.js'
import { createNullPath } from './null.js'
import { createPgvectorExactPath } from './pgvector-exact.js'
import { createPgvectorHnswPath } from './pgvector-hnsw.js'
import { createPgvectorIvfflatPath } from './pgvector-ivfflat.js'
import type { PathContext, PathId, SearchPath } from './search-path.js'
import { createSqlPath } from './sql.js'

interface PathRow {
  readonly exact: boolean
  /** Runs inside a PostgreSQL server. */
  readonly needsServer: boolean
  /** False for a path that looks at no vector: it is measured, and has no recall. */
  readonly searches: boolean
  /** False for an exact path whose queries do not all look at every vector: it has no scan rate. */
  readonly readsVectors?: false
  /** Makes the path, or says why this version cannot. */
  readonly create: ((context: PathContext) => SearchPath) | { readonly unavailable: string }
}

const notBuilt = (what: string) => ({
  unavailable: `${what} is not part of this version; leave the path out with --paths.`,
})

const inServer = { needsServer: true, searches: true } as const
const inProcess = { needsServer: false, searches: true } as const

/** One row per path. */
export const pathRows: Readonly<Record<PathId, PathRow>> = {
  null: { exact: false, needsServer: true, searches: false, create: createNullPath },
  sql: { exact: true, ...inServer, create: createSqlPath },
  'pgvector-exact': { exact: true, ...inServer, create: createPgvectorExactPath },
  'pgvector-hnsw': { exact: false, ...inServer, create: createPgvectorHnswPath },
  'pgvector-ivfflat': { exact: false, ...inServer, create: createPgvectorIvfflatPath },
  'extension-exact': { exact: true, ...inServer, create: createExtensionExactPath },
  'extension-index': {
    exact: true,
    ...inServer,
    create: notBuilt('The index access method of the extension'),
  },
  'addon-exact': { exact: true, ...inProcess, create: createAddonExactPath },
  'addon-quantized': { exact: true, ...inProcess, create: notBuilt('The quantised search of the addon') },
  'addon-batch': { exact: true, ...inProcess, create: createAddonBatchPath },
  cache: { exact: true, readsVectors: false, ...inServer, create: createCachePath },
}

/** Whether one of the paths that this version has runs inside a server. */
export function needServer(ids: readonly PathId[]): boolean {
  return ids.some((id) => pathRows[id].needsServer && typeof pathRows[id].create === 'function')
}
