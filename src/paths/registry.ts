import { invalidArgument } from '../errors.js'
import type { PathContext } from './path-context.js'
import type { PathFacts, PathId, SearchPath } from './search-path.js'

type CreatePath = (facts: PathFacts, context: PathContext) => SearchPath

export interface PathRow extends PathFacts {
  /** Loads the path's module, which help and argument checks do not need; or says why this version has none. */
  readonly load: (() => Promise<CreatePath>) | { readonly unavailable: string }
}

const server = { needsServer: true, batchSize: 1, searches: true, arithmetic: 'float4' } as const
const scan = { ...server, exact: true, scans: true } as const
const index = { ...server, scans: false } as const
const noFilter = {
  addon: 'A VectorSet has no filter; search by extension-exact, or measure it without --filter.',
  cache: 'It is measured with answers among all rows; leave it out, or measure it without --filter.',
}
const inProcess = {
  ...{ ...scan, needsServer: false, arithmetic: 'float64' as const },
  noFilter: noFilter.addon,
}

/** pgvector's own limits (HNSW_MAX_M and the like in its src/hnsw.h and src/ivfflat.h). */
const hnswKnobs = { m: [2, 100], ef_construction: [4, 1000] } as const
const ivfflatKnobs = { lists: [1, 32_768] } as const

/** One row per path, in the order of reports. */
export const pathRows: readonly PathRow[] = [
  {
    ...{ id: 'null', ...server, exact: false, searches: false, scans: false },
    load: async () => (await import('./null.js')).createNullPath,
  },
  // It makes float8 of the query's elements, so everything that is computed with them is.
  { id: 'sql', ...scan, arithmetic: 'float64', load: async () => (await import('./sql.js')).createSqlPath },
  {
    ...{ id: 'pgvector-exact', ...scan },
    load: async () => (await import('./pgvector-exact.js')).createPgvectorExactPath,
  },
  {
    ...{ id: 'pgvector-hnsw', ...index, exact: false, designKnobs: hnswKnobs },
    load: async () => (await import('./pgvector/pgvector-hnsw.js')).createPgvectorHnswPath,
  },
  {
    ...{ id: 'pgvector-hnsw-halfvec', ...index, exact: false, designKnobs: hnswKnobs },
    load: async () => (await import('./pgvector/pgvector-hnsw-halfvec.js')).createPgvectorHnswHalfvecPath,
  },
  {
    ...{ id: 'pgvector-hnsw-bit', ...index, exact: false, designKnobs: hnswKnobs },
    load: async () => (await import('./pgvector/pgvector-hnsw-bit.js')).createPgvectorHnswBitPath,
  },
  {
    ...{ id: 'pgvector-ivfflat', ...index, exact: false, designKnobs: ivfflatKnobs },
    load: async () => (await import('./pgvector/pgvector-ivfflat.js')).createPgvectorIvfflatPath,
  },
  {
    ...{ id: 'extension-exact', ...scan },
    load: async () => (await import('./extension-exact.js')).createExtensionExactPath,
  },
  {
    ...{ id: 'extension-index', ...index, exact: true },
    load: async () => (await import('./extension-index.js')).createExtensionIndexPath,
  },
  {
    ...{ id: 'addon-exact', ...inProcess },
    load: async () => (await import('./addon-exact.js')).createAddonExactPath,
  },
  {
    // It reads the codes of all rows, and the vectors of few.
    ...{ id: 'addon-levels', ...inProcess, scans: false },
    load: async () => (await import('./addon-levels.js')).createAddonLevelsPath,
  },
  {
    // So many that reading the rows once for all of them no longer shows in the time per query. How often a call
    // reads them is not known here.
    ...{ id: 'addon-batch', ...inProcess, batchSize: 100, scans: false },
    load: async () => (await import('./addon-batch.js')).createAddonBatchPath,
  },
  {
    // What is in the cache is not looked for.
    ...{ id: 'cache', ...scan, scans: false, noFilter: noFilter.cache },
    load: async () => (await import('./cache.js')).createCachePath,
  },
]

export const pathIds: readonly PathId[] = pathRows.map(({ id }) => id)

/** @throws ERR_INVALID_ARGUMENT */
export function findPathRow(id: PathId): PathRow {
  const row = pathRows.find((candidate) => candidate.id === id)
  if (row === undefined) throw invalidArgument('the path', `one of ${pathIds.join(', ')}`, id)
  return row
}

/** Whether one of the paths that this version has runs inside a server. */
export function needServer(ids: readonly PathId[]): boolean {
  return ids.map(findPathRow).some(({ needsServer, load }) => needsServer && typeof load === 'function')
}

/** The path, or why there is none in this version. */
export async function createPath(
  id: PathId,
  context: PathContext,
): Promise<SearchPath | { readonly unavailable: string }> {
  const { load, ...facts } = findPathRow(id)
  if (typeof load !== 'function') return load
  if (context.filters !== undefined && facts.noFilter !== undefined) return { unavailable: facts.noFilter }
  const create = await load()
  return create(facts, context)
}
