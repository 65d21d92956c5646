import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import type { ConnectionInfo } from '../../targets/target.js'
import type { Availability } from '../search-path.js'
import { Session } from './session.js'
import type { LoadedTable } from './vector-table.js'

/** Everything a run makes in a server lives in this schema, and is gone with it. */
export const schemaName = 'simdgres_bench'

/** In this order, because `simdgres` requires `vector`. */
const extensionNames = ['vector', 'simdgres', 'pg_prewarm'] as const
export type ExtensionName = (typeof extensionNames)[number]

export type ExtensionState =
  | { readonly installed: true; readonly version: string }
  | { readonly installed: false; readonly reason: string }

interface WorkspaceState {
  readonly extensions: ReadonlyMap<ExtensionName, ExtensionState>
  /** Schemas that hold the extensions, and ours first. */
  readonly searchPath: string
}

/**
 * The run's place in a server: a schema of its own, the extensions it may use, and a lock, because two runs would
 * drop each other's tables. `close` removes the schema: a server that is not ours is left as it was found.
 */
export class Workspace {
  readonly connection: ConnectionInfo
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Loaded tables by name: paths that search the same heap share it. */
  readonly tables = new Map<string, Promise<LoadedTable>>()
  /** Messages of the server (a graph that did not fit in memory) that belong in the report. */
  readonly notices: string[] = []
  readonly #owner: Session
  readonly #state: WorkspaceState

  private constructor(owner: Session, state: WorkspaceState, options: WorkspaceOptions) {
    this.#owner = owner
    this.#state = state
    this.connection = options.connection
    this.progress = options.progress
    this.signal = options.signal
  }

  static async open(options: WorkspaceOptions): Promise<Workspace> {
    const owner = await Session.open(options.connection, { signal: options.signal })
    let isOurs = false
    try {
      await takeLock(owner)
      isOurs = true
      await owner.query(`DROP SCHEMA IF EXISTS ${schemaName} CASCADE`)
      await owner.query(`CREATE SCHEMA ${schemaName}`)
      return new Workspace(owner, await readState(owner, options), options)
    } catch (error) {
      if (isOurs) await dropSchema(options.connection)
      await owner.close()
      throw error
    }
  }

  /** State of an extension in this server. */
  extension(name: ExtensionName): ExtensionState {
    return this.#state.extensions.get(name)!
  }

  /** Whether a path that lives on this extension can run here. */
  availability(name: ExtensionName): Availability {
    const state = this.extension(name)
    return state.installed ? { available: true } : { available: false, reason: state.reason }
  }

  /** The connection that holds the lock, for questions about the server. */
  get session(): Session {
    return this.#owner
  }

  /** A connection of its own for a path, with these server parameters. */
  async connect(settings: Readonly<Record<string, string>> = {}): Promise<Session> {
    return Session.open(this.connection, {
      signal: this.signal,
      settings: { search_path: this.#state.searchPath, ...settings },
      onNotice: (message) => this.notices.push(message),
    })
  }

  /** Bytes of all tables and indexes of the run, and of the server's shared buffers. */
  async readCacheUse(): Promise<{ usedBytes: number; sharedBytes: number }> {
    const [row] = await this.#owner.query<{ used: string; shared: string }>(
      `SELECT coalesce(sum(pg_total_relation_size(oid)), 0) AS used,
              pg_size_bytes(current_setting('shared_buffers')) AS shared
         FROM pg_class WHERE relkind = 'r' AND relnamespace = $1::regnamespace`,
      [schemaName],
    )
    return { usedBytes: Number(row!.used), sharedBytes: Number(row!.shared) }
  }

  /** Removes the schema and all in it, and then lets other runs in. */
  async close(): Promise<void> {
    await dropSchema(this.connection)
    await this.#owner.close()
  }
}

/**
 * Over a connection of its own, which the run's signal does not cancel. Does nothing if the server is gone: whoever
 * met that first has reported it.
 */
async function dropSchema(connection: ConnectionInfo): Promise<void> {
  try {
    const session = await Session.open(connection, {
      signal: new AbortController().signal,
      // A limit that ended the run must not keep it from being cleaned up.
      settings: { statement_timeout: '0', lock_timeout: '0' },
    })
    try {
      await session.query(`DROP SCHEMA IF EXISTS ${schemaName} CASCADE`)
    } finally {
      await session.close()
    }
  } catch (error) {
    if (!(error instanceof SimdgresError && error.code === 'ERR_LOST_CONNECTION')) throw error
  }
}

export interface WorkspaceOptions {
  readonly connection: ConnectionInfo
  /** False for a server that is not ours: whoever owns the database decides what is installed in it. */
  readonly mayCreateExtensions: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
}

async function takeLock(session: Session): Promise<void> {
  const [row] = await session.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock(hashtext($1)) AS locked',
    [schemaName],
  )
  if (row!.locked) return
  throw new SimdgresError(
    'ERR_RESOURCE',
    'Another simdgres run is using this server',
    'Wait until it has ended, or use another database.',
  )
}

async function readState(session: Session, options: WorkspaceOptions): Promise<WorkspaceState> {
  const extensions = new Map<ExtensionName, ExtensionState>()
  for (const name of extensionNames) {
    let state = await readExtension(session, name)
    if (state === 'not created' && options.mayCreateExtensions) {
      const failure = await tryCreate(session, name)
      state = failure === undefined ? await readExtension(session, name) : failure
    }
    extensions.set(name, explainState(name, state))
  }
  return { extensions, searchPath: await readSearchPath(session) }
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
    if (error instanceof SimdgresError) throw error
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

/** Managed servers keep extensions in a schema of their own: operators are found through the search path only. */
async function readSearchPath(session: Session): Promise<string> {
  const rows = await session.query<{ name: string }>(
    `SELECT DISTINCT quote_ident(nspname) AS name
       FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
      WHERE extname = ANY($1) AND nspname <> 'pg_catalog'`,
    [[...extensionNames]],
  )
  return [schemaName, ...rows.map((row) => row.name)].join(', ')
}
