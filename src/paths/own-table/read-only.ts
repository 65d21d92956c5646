import type { ConnectionInfo } from '../../targets/target.js'
import { type ExtensionName, type ExtensionState, readExtensions } from '../server/extensions.js'
import { Session } from '../server/session.js'

/** No statement of a run takes longer, unless the server's own limit is shorter. */
const statementLimitMs = 600_000

/** A server whose tables are read and nothing else: every session is one of read-only transactions. */
export class ReadOnlyServer {
  readonly session: Session
  readonly #connection: ConnectionInfo
  readonly #signal: AbortSignal
  readonly #settings: Readonly<Record<string, string>>
  readonly #extensions: ReadonlyMap<ExtensionName, ExtensionState>

  private constructor(
    session: Session,
    connection: ConnectionInfo,
    signal: AbortSignal,
    settings: Readonly<Record<string, string>>,
    extensions: ReadonlyMap<ExtensionName, ExtensionState>,
  ) {
    this.session = session
    this.#connection = connection
    this.#signal = signal
    this.#settings = settings
    this.#extensions = extensions
  }

  static async open(connection: ConnectionInfo, signal: AbortSignal): Promise<ReadOnlyServer> {
    const session = await Session.open(connection, { signal, settings: readOnly })
    try {
      const settings = { ...readOnly, ...(await readLimits(session)) }
      for (const [name, value] of Object.entries(settings)) await session.set(name, value)
      const extensions = await readExtensions(session, false)
      return new ReadOnlyServer(session, connection, signal, settings, extensions)
    } catch (error) {
      await session.close()
      throw error
    }
  }

  extension(name: ExtensionName): ExtensionState {
    return this.#extensions.get(name)!
  }

  /** A connection of its own, with these parameters beside those of every session. */
  async connect(settings: Readonly<Record<string, string>> = {}): Promise<Session> {
    return Session.open(this.#connection, {
      signal: this.#signal,
      settings: { ...this.#settings, ...settings },
    })
  }

  /**
   * `work` in one transaction, which stays read-only whatever a function of the database sets, on a connection of its own with these
   * parameters.
   */
  async inTransaction<T>(
    work: (session: Session) => Promise<T>,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const session = await this.connect(settings)
    try {
      await session.query('BEGIN READ ONLY')
      return await work(session)
    } finally {
      await session.close()
    }
  }

  async close(): Promise<void> {
    await this.session.close()
  }
}

const readOnly = { default_transaction_read_only: 'on' }

/** The limit of time, and a search path on which the operators of the extensions are found. */
async function readLimits(session: Session): Promise<Record<string, string>> {
  const [limit] = await session.query<{ ms: number }>(
    "SELECT setting::int AS ms FROM pg_settings WHERE name = 'statement_timeout'",
  )
  const [path] = await session.query<{ path: string }>(
    `SELECT concat_ws(', ', nullif(current_setting('search_path'), ''), (
        SELECT string_agg(DISTINCT quote_ident(nspname), ', ') FROM pg_extension
          JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname IN ('vector', 'simdgres'))) AS path`,
  )
  const { ms } = limit!
  return {
    statement_timeout: String(ms > 0 ? Math.min(ms, statementLimitMs) : statementLimitMs),
    search_path: path!.path,
  }
}
