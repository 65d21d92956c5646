import pg from 'pg'
import { clientOptions } from '../../targets/connection.js'
import type { ConnectionInfo } from '../../targets/target.js'
import { liftedTimeouts } from './forced-settings.js'
import { explainServerError } from './server-errors.js'

/** How long a cancelled statement may take to end before its socket is closed under it. */
const cancelGraceMs = 5000
const connectTimeoutMs = 15_000

export interface SessionOptions {
  readonly signal: AbortSignal
  /** Server parameters of this session. */
  readonly settings?: Readonly<Record<string, string>>
  readonly onNotice?: (notice: {
    readonly severity: string | undefined
    readonly message?: string | undefined
  }) => void
}

/** How ids are read. */
export interface IdReading {
  /** Of an id as the driver gives it. By default it is the number. */
  numberOf?(id: unknown): number
  /** For messages. */
  readonly doing?: string
}

const asNumber = (id: unknown): number => id as number

/** A statement that is parsed once per session, with one parameter in binary. */
export interface PreparedStatement {
  readonly name: string
  readonly text: string
}

/**
 * One connection. Errors name what was being done; an abort cancels the statement under way, so that nothing
 * waits for the end of an index build.
 */
export class Session {
  readonly client: pg.Client
  readonly #connection: ConnectionInfo
  readonly #signal: AbortSignal
  readonly #abort: () => void
  #processId = 0
  #busy = 0
  #closed = false

  private constructor(client: pg.Client, connection: ConnectionInfo, signal: AbortSignal) {
    this.client = client
    this.#connection = connection
    this.#signal = signal
    this.#abort = () => void this.#cancel()
    // Without a listener a lost idle connection would end the process; the next statement reports it.
    client.on('error', () => {
      this.#closed = true
    })
  }

  /** Rejects with ERR_LOST_CONNECTION if the server does not answer. */
  static async open(connection: ConnectionInfo, options: SessionOptions): Promise<Session> {
    const client = new pg.Client(
      clientOptions(connection, { connectionTimeoutMillis: connectTimeoutMs, keepAlive: true }),
    )
    const session = new Session(client, connection, options.signal)
    if (options.onNotice !== undefined) {
      const { onNotice } = options
      client.on('notice', onNotice)
    }
    try {
      await client.connect()
      options.signal.addEventListener('abort', session.#abort)
      const [row] = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      session.#processId = row!.pid
      await session.query("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY($1)", [
        [...liftedTimeouts],
      ])
      for (const [name, value] of Object.entries(options.settings ?? {})) await session.set(name, value)
      return session
    } catch (error) {
      await session.close()
      throw explainServerError(error, 'connecting to it', options.signal)
    }
  }

  /** Runs a statement with text parameters; `doing` completes "went away while". */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    doing = 'running a statement',
  ): Promise<Row[]> {
    return this.#run(doing, async () => (await this.client.query<Row>(text, [...values])).rows)
  }

  /** Sets a server parameter of this session. */
  async set(name: string, value: string): Promise<void> {
    await this.query('SELECT set_config($1, $2, false)', [name, value])
  }

  /**
   * The first column, int4, of all rows of a prepared statement; its parameter is in PostgreSQL's binary format. The
   * ids come as text: the driver decodes every field as UTF-8, which destroys binary ones. They are a few bytes, and
   * the `null` path gets as many, so their cost is seen there.
   */
  async searchIds(
    statement: PreparedStatement,
    parameter: Buffer,
    { numberOf = asNumber, doing = 'searching' }: IdReading = {},
  ): Promise<Uint32Array> {
    const query = { ...statement, values: [parameter], rowMode: 'array' as const }
    const { rows } = await this.#run(doing, () => this.client.query<[unknown], Buffer[]>(query))
    const ids = new Uint32Array(rows.length)
    for (let i = 0; i < rows.length; i++) ids[i] = numberOf(rows[i]![0])
    return ids
  }

  /** Runs `work` on the client (COPY) with the same handling of errors and aborts as `query`. */
  async run<T>(doing: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return this.#run(doing, () => work(this.client))
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort)
    if (this.#closed) return
    this.#closed = true
    // The server may already be gone; there is nothing left to end then.
    await this.client.end().catch(() => undefined)
  }

  async #run<T>(doing: string, work: () => Promise<T>): Promise<T> {
    this.#busy++
    try {
      return await work()
    } catch (error) {
      throw explainServerError(error, doing, this.#signal)
    } finally {
      this.#busy--
    }
  }

  /** Asks the server to cancel, over a second connection; closes the socket if that does not help in time. */
  async #cancel(): Promise<void> {
    if (this.#busy === 0 || this.#closed) return
    const timer = setTimeout(() => this.#destroy(), cancelGraceMs)
    const canceller = new pg.Client(
      clientOptions(this.#connection, { connectionTimeoutMillis: cancelGraceMs }),
    )
    canceller.on('error', () => undefined)
    try {
      await canceller.connect()
      await canceller.query('SELECT pg_cancel_backend($1)', [this.#processId])
    } catch {
      this.#destroy()
    } finally {
      await canceller.end().catch(() => undefined)
      if (this.#busy === 0) clearTimeout(timer)
      else timer.unref()
    }
  }

  #destroy(): void {
    if (this.#busy === 0) return
    this.#closed = true
    this.client.connection.stream.destroy()
  }
}
