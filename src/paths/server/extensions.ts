import { SimdgresError } from '../../errors.js'
import type { Metric } from '../../vectors/metric.js'
import type { Availability } from '../search-path.js'
import type { Session } from './session.js'

/** In this order, because `simdgres` requires `vector`. */
export const extensionNames = ['vector', 'simdgres', 'pg_prewarm'] as const
export type ExtensionName = (typeof extensionNames)[number]

export type ExtensionState =
  | { readonly installed: true; readonly version: string }
  | { readonly installed: false; readonly reason: string }

/** State of every extension; with `mayCreate`, after those that are missing have been created. */
export async function readExtensions(
  session: Session,
  mayCreate: boolean,
): Promise<ReadonlyMap<ExtensionName, ExtensionState>> {
  const extensions = new Map<ExtensionName, ExtensionState>()
  for (const name of extensionNames) {
    let state = await readExtension(session, name)
    if (state === 'not created' && mayCreate) {
      const failure = await tryCreate(session, name)
      state = failure === undefined ? await readExtension(session, name) : failure
    }
    extensions.set(name, explainState(name, state))
  }
  return extensions
}

type Found = { readonly version: string } | { readonly failure: string } | 'not created' | 'not offered'

async function readExtension(session: Session, name: ExtensionName): Promise<Found> {
  const [row] = await session.query<{ installed_version: string | null }>(
    'SELECT installed_version FROM pg_available_extensions WHERE name = $1',
    [name],
  )
  if (row === undefined) return 'not offered'
  return row.installed_version === null ? 'not created' : { version: row.installed_version }
}

function explainState(name: ExtensionName, found: Found): ExtensionState {
  if (found === 'not offered') {
    const reason = `The server does not offer the extension ${name}; install its package on the server.`
    return { installed: false, reason }
  }
  if (found === 'not created') {
    const reason = `The database does not have the extension ${name}; run CREATE EXTENSION ${name} in it.`
    return { installed: false, reason }
  }
  if ('version' in found) return { installed: true, version: found.version }
  const reason = `CREATE EXTENSION ${name} failed (${found.failure}); see the server's log.`
  return { installed: false, reason }
}

/** Undefined on success: one missing extension takes its own paths away, not the run. */
async function tryCreate(session: Session, name: ExtensionName): Promise<{ failure: string } | undefined> {
  try {
    await session.query(`CREATE EXTENSION ${name}`)
    return undefined
  } catch (error) {
    if (error instanceof SimdgresError && error.code !== 'ERR_UNAVAILABLE') throw error
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

/** What a path may need of pgvector. */
export type VectorFeature = Metric | 'hnsw' | 'ivfflat' | 'halfvec' | 'binary_quantize'

interface FeatureRow {
  /** The version of pgvector that brought it; missing for what every version has. */
  readonly since?: string
  /** Whether the database has it: its objects stay those of the version that was last created or updated in it. */
  readonly exists: string
}

const operatorExists = (name: string) =>
  `EXISTS (SELECT FROM pg_operator WHERE oprname = '${name}' AND oprleft = to_regtype('vector'))`
const methodExists = (name: string) => `EXISTS (SELECT FROM pg_am WHERE amname = '${name}')`

/** One row per feature. */
const features: Readonly<Record<VectorFeature, FeatureRow>> = {
  l2: { exists: operatorExists('<->') },
  cosine: { exists: operatorExists('<=>') },
  ip: { exists: operatorExists('<#>') },
  l1: { since: '0.7', exists: operatorExists('<+>') },
  hnsw: { since: '0.5', exists: methodExists('hnsw') },
  ivfflat: { exists: methodExists('ivfflat') },
  halfvec: { since: '0.7', exists: "to_regtype('halfvec') IS NOT NULL" },
  binary_quantize: { since: '0.7', exists: "EXISTS (SELECT FROM pg_proc WHERE proname = 'binary_quantize')" },
}

/**
 * Whether the database's pgvector, of version `version`, has all that is needed. Packages on the server may be newer
 * than what is in a database.
 */
export async function checkFeatures(
  session: Session,
  version: string,
  needed: readonly VectorFeature[],
): Promise<Availability> {
  const columns = needed.map((name, i) => `${features[name].exists} AS f${i}`)
  const [row] = await session.query<Record<string, boolean>>(`SELECT ${columns.join(', ')}`)
  const missing = needed.find((_, i) => !row![`f${i}`])
  if (missing === undefined) return { available: true }
  const needs = `needs pgvector ${features[missing].since ?? version} or newer`
  const reason = `${missing} ${needs}, and this database has the objects of ${version}; run ALTER EXTENSION vector UPDATE in it.`
  return { available: false, reason }
}
