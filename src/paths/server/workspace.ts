import { randomUUID } from 'node:crypto'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import type { ConnectionInfo } from '../../targets/target.js'
import type { Availability } from '../search-path.js'
import {
  checkFeatures,
  type ExtensionName,
  type ExtensionState,
  extensionNames,
  readExtensions,
  type VectorFeature,
} from './extensions.js'
import { Session } from './session.js'

/** Everything a run makes in a server lives in this schema, and is gone with it. */
export const schemaName = 'simdgres_bench'

export interface WorkspaceOptions {
  readonly connection: ConnectionInfo
  /** False for a server that is not ours: whoever owns the database decides what is installed in it. */
  readonly mayCreateExtensions: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Tables are logged, as those of an application: what inserts into them costs is its cost. */
  readonly isLogged?: boolean
  /** Takes over what a killed run with the same key has left. */
  readonly resumeKey?: string
}

interface ConnectOptions {
  /** Server parameters of the session. */
  readonly settings?: Readonly<Record<string, string>>
  /** Where the server is now, if it has moved. */
  readonly server?: ConnectionInfo
}

/**
 * The run's place in a server: a schema of its own, the extensions it may use, and a lock, because two runs would
 * drop each other's tables. `close` removes the schema: a server that is not ours is left as it was found. What a run
 * has finished making is noted in the schema itself, so that data and note cannot disagree.
 */
export class Workspace {
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly isLogged: boolean
  /** Messages of the server (a graph that did not fit in memory) that belong in the report. */
  readonly notices: string[] = []
  #owner: Session
  #connection: ConnectionInfo
  readonly #extensions: ReadonlyMap<ExtensionName, ExtensionState>
  /** Schemas that hold the extensions, and ours first. */
  readonly #searchPath: string
  /** The name of the schema's contents: the same after a run that was killed has gone on in them. */
  readonly id: string
  /** By the names that `once` is called with. */
  readonly #making = new Map<string, Promise<unknown>>()
  /** What gets each of them ready after a restart. */
  readonly #adopting: (() => Promise<void>)[] = []
  /** What a killed run had made. */
  readonly #found: ReadonlyMap<string, unknown>

  private constructor(
    owner: Session,
    { id, made }: Contents,
    extensions: ReadonlyMap<ExtensionName, ExtensionState>,
    searchPath: string,
    options: WorkspaceOptions,
  ) {
    this.#owner = owner
    this.id = id
    this.#found = made
    this.#extensions = extensions
    this.#searchPath = searchPath
    this.#connection = options.connection
    this.progress = options.progress
    this.signal = options.signal
    this.isLogged = options.isLogged ?? false
  }

  static async open(options: WorkspaceOptions): Promise<Workspace> {
    const owner = await Session.open(options.connection, { signal: options.signal })
    let isOurs = false
    try {
      await takeLock(owner)
      const contents = await openSchema(owner, options.resumeKey)
      isOurs = true
      const extensions = await readExtensions(owner, options.mayCreateExtensions)
      const searchPath = await readSearchPath(owner)
      await owner.set('search_path', searchPath)
      return new Workspace(owner, contents, extensions, searchPath, options)
    } catch (error) {
      if (isOurs) await dropSchema(options.connection)
      await owner.close()
      throw error
    }
  }

  /** State of an extension in this server. */
  extension(name: ExtensionName): ExtensionState {
    return this.#extensions.get(name)!
  }

  /** Whether a path that lives on this extension can run here. */
  availability(name: ExtensionName): Availability {
    const state = this.extension(name)
    return state.installed ? { available: true } : { available: false, reason: state.reason }
  }

  /** Whether pgvector is there and has all of `needed`. */
  async checkVector(needed: readonly VectorFeature[]): Promise<Availability> {
    const state = this.extension('vector')
    if (!state.installed) return { available: false, reason: state.reason }
    return checkFeatures(this.#owner, state.version, needed)
  }

  /** The connection that holds the lock, for questions about the server. */
  get session(): Session {
    return this.#owner
  }

  /** A connection of its own. */
  async connect({ settings = {}, server = this.#connection }: ConnectOptions = {}): Promise<Session> {
    return Session.open(server, {
      signal: this.signal,
      settings: { search_path: this.#searchPath, ...settings },
      onNotice: ({ severity, message = '' }) => {
        // What a session was asked to tell is for whoever asked.
        if (severity !== 'LOG') this.notices.push(message)
      },
    })
  }

  /** Whether the server takes new connections: a session that is lost need not mean that it is gone. */
  async isReachable(): Promise<boolean> {
    try {
      await (await this.connect()).close()
      return true
    } catch (error) {
      if (error instanceof SimdgresError && error.code === 'ERR_LOST_CONNECTION') return false
      throw error
    }
  }

  /**
   * Makes a table or an index once, whoever asks for it, and gives everybody what `make` resolved to, which is JSON:
   * paths that search the same heap share it. Where a killed run had made it, `adopt` gets it ready instead.
   */
  once<T>(name: string, make: () => Promise<T>, adopt: () => Promise<void>): Promise<T> {
    const known = this.#making.get(name) as Promise<T> | undefined
    if (known !== undefined) return known
    const found = this.#found.get(name) as T | undefined
    this.#adopting.push(adopt)
    const making = found === undefined ? this.#make(name, make) : adopt().then(() => found)
    this.#making.set(name, making)
    return making
  }

  /** Of a table that is changed from now on, and of its indexes: whoever asks for them next makes them anew. */
  async forget(table: string): Promise<void> {
    const rows = await this.#owner.query<{ name: string }>(
      `DELETE FROM ${schemaName}.made WHERE name = $1 OR name IN (
         SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = to_regclass($2)) RETURNING name`,
      [table, `${schemaName}.${table}`],
    )
    for (const { name } of rows) this.#making.delete(name)
  }

  async #make<T>(name: string, make: () => Promise<T>): Promise<T> {
    const stats = await make()
    await this.#owner.query(`INSERT INTO ${schemaName}.made VALUES ($1, $2)`, [name, JSON.stringify(stats)])
    return stats
  }

  /**
   * After a restart of the server, which may have moved it: takes the lock again, and warms what was made, unless it is to stay
   * cold.
   */
  async reconnect(connection: ConnectionInfo, { isCold = false } = {}): Promise<void> {
    await this.#owner.close()
    this.#connection = connection
    this.#owner = await this.connect()
    await takeLock(this.#owner)
    await this.#checkMade()
    if (!isCold) await this.warm()
  }

  /** Reads what was made into the server's buffers. */
  async warm(): Promise<void> {
    for (const adopt of this.#adopting) await adopt()
  }

  /** Unlogged tables are empty after a crash, the list of what was made among them. */
  async #checkMade(): Promise<void> {
    const made = await readMade(this.#owner)
    const lost = [...this.#making.keys()].filter((name) => !made.has(name))
    if (lost.length === 0) return
    throw new SimdgresError(
      'ERR_RESOURCE',
      `The server did not end properly before its restart, and has lost ${lost.join(', ')}`,
      "Run it again, and look into the server's log for the crash: often its memory was too small (--memory).",
    )
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
    await dropSchema(this.#connection)
    await this.#owner.close()
  }
}

interface Contents {
  readonly id: string
  readonly made: ReadonlyMap<string, unknown>
}

/** The schema as a killed run with this key has left it, or a new one. A schema that no run has made is not touched. */
async function openSchema(owner: Session, resumeKey = ''): Promise<Contents> {
  const [row] = await owner.query<{ there: boolean; ours: boolean }>(
    `SELECT to_regnamespace('${schemaName}') IS NOT NULL AS there,
            to_regclass('${schemaName}.run') IS NOT NULL AND to_regclass('${schemaName}.made') IS NOT NULL AS ours`,
  )
  const { there, ours } = row!
  if (there && !ours) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `The database has a schema ${schemaName} that is not one of a run`,
      `Use another database, or run DROP SCHEMA ${schemaName} CASCADE if it can go: this version does not know it.`,
    )
  }
  if (ours && resumeKey !== '') {
    const [run] = await owner.query<{ id: string }>(`SELECT id FROM ${schemaName}.run WHERE key = $1`, [
      resumeKey,
    ])
    if (run !== undefined) return { id: run.id, made: await readMade(owner) }
  }
  await owner.query(`DROP SCHEMA IF EXISTS ${schemaName} CASCADE`)
  const id = randomUUID()
  // Unlogged, as the tables of vectors are: what a crash empties is not there to be gone on with either.
  await owner.run(`making the schema ${schemaName}`, async (client) => {
    await client.query('BEGIN')
    await client.query(`CREATE SCHEMA ${schemaName}`)
    await client.query(`CREATE UNLOGGED TABLE ${schemaName}.run (id text NOT NULL, key text NOT NULL)`)
    await client.query(
      `CREATE UNLOGGED TABLE ${schemaName}.made (name text PRIMARY KEY, stats json NOT NULL)`,
    )
    await client.query(`INSERT INTO ${schemaName}.run VALUES ($1, $2)`, [id, resumeKey])
    await client.query('COMMIT')
  })
  return { id, made: new Map() }
}

async function readMade(owner: Session): Promise<Map<string, unknown>> {
  const rows = await owner.query<{ name: string; stats: unknown }>(
    `SELECT name, stats FROM ${schemaName}.made`,
  )
  return new Map(rows.map(({ name, stats }) => [name, stats]))
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
