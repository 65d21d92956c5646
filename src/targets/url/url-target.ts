import { Socket } from 'node:net'
import pg from 'pg'
import { invalidArgument, SimdgresError, throwIfAborted } from '../../errors.js'
import { clientOptions } from '../connection.js'
import type { ConnectionInfo, DeploySettings, Target, TargetOptions } from '../target.js'
import { refuseTransactionPooler } from './transaction-pooler.js'
import { type ParsedUrl, parsePostgresUrl, type WantedServer } from './url-parsing.js'

/** Enough for a server on another continent that has to be woken up first. */
const connectWithinMs = 15_000

/**
 * A server that exists: a managed one, a replica. It is neither configured nor stopped, and no extension is created
 * in it: that is for the owner of the database to decide, and a path that lacks one says so.
 */
export class UrlTarget implements Target {
  readonly id = 'url'
  readonly resumed = false
  readonly #signal: AbortSignal
  readonly #parsed: ParsedUrl

  /** @throws ERR_INVALID_ARGUMENT for a URL that is missing or malformed. */
  constructor(options: TargetOptions) {
    if (options.url === undefined) {
      throw invalidArgument('the URL of the server', 'postgres://user@host:port/database', undefined)
    }
    this.#signal = options.signal
    this.#parsed = parsePostgresUrl(options.url)
  }

  /**
   * Checks that the server answers, and that each session has a process of its own there. Settings of a server that is not
   * ours are refused, not ignored.
   */
  async deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    const given = Object.entries(settings).find(([name, value]) => !isEmpty(name, value))
    if (given) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `The setting ${given[0]} cannot be applied to a server that exists already`,
        'Leave it out, or use --target docker or --target local.',
      )
    }
    const { connection, otherHosts = [] } = this.#parsed
    const failures: SimdgresError[] = []
    for (const address of [{}, ...otherHosts]) {
      try {
        const reached = await this.#connect({ ...connection, ...address })
        await this.#refuseTransactionPooler(reached)
        return reached
      } catch (error) {
        if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
        failures.push(error)
      }
    }
    const [first, ...others] = failures
    if (others.length === 0) throw first
    const message = failures.map(({ message }) => message).join('; ')
    throw new SimdgresError('ERR_UNAVAILABLE', message, first!.hint, { cause: first })
  }

  /** With `prefer`, a server that has no TLS is asked again without. */
  async #connect(connection: ConnectionInfo): Promise<ConnectionInfo> {
    try {
      await this.#check(connection)
      return connection
    } catch (error) {
      throwIfAborted(this.#signal)
      const refusesTls = error instanceof Error && /does not support SSL/.test(error.message)
      if (!refusesTls || this.#parsed.sslMode !== 'prefer') throw describeFailure(connection, error)
    }
    const plain: ConnectionInfo = { ...connection, ssl: false }
    try {
      await this.#check(plain)
      return plain
    } catch (error) {
      throwIfAborted(this.#signal)
      throw describeFailure(plain, error)
    }
  }

  /** @throws ERR_INVALID_ARGUMENT always: whoever owns the server decides when it restarts. */
  async reconfigure(): Promise<never> {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      'A server that exists already is not restarted with other settings: it is not ours',
      'Change its settings where it is managed, or use --target docker or --target local.',
    )
  }

  /** Unknown: the machine it runs on is not ours to look into. */
  async dropPageCache(): Promise<undefined> {
    return undefined
  }

  async stats(): Promise<undefined> {
    return undefined
  }

  async stop(): Promise<void> {
    // Nothing was started.
  }

  async #check(connection: ConnectionInfo): Promise<void> {
    await this.#withClients(connection, async (open) =>
      requireWanted(await open(), this.#parsed.wanted ?? 'any'),
    )
  }

  async #refuseTransactionPooler(connection: ConnectionInfo): Promise<void> {
    try {
      await this.#withClients(connection, (open) => refuseTransactionPooler(nameAddress(connection), open))
    } catch (error) {
      throwIfAborted(this.#signal)
      throw error instanceof SimdgresError ? error : describeFailure(connection, error)
    }
  }

  /** Closes all clients that `work` has opened, and ends them at once where the run is stopped. */
  async #withClients(
    connection: ConnectionInfo,
    work: (open: () => Promise<pg.Client>) => Promise<void>,
  ): Promise<void> {
    throwIfAborted(this.#signal)
    // Our own sockets, because a client that is still connecting has no other way to be stopped.
    const sockets: Socket[] = []
    const clients: pg.Client[] = []
    const onAbort = () => {
      for (const socket of sockets) socket.destroy(new Error('The connection was aborted'))
    }
    this.#signal.addEventListener('abort', onAbort, { once: true })
    const open = async (): Promise<pg.Client> => {
      const socket = new Socket()
      sockets.push(socket)
      const client = new pg.Client(
        clientOptions(connection, {
          connectionTimeoutMillis: connectWithinMs,
          stream: () => socket,
          isNameless: true,
        }),
      )
      client.on('error', () => undefined)
      clients.push(client)
      await client.connect()
      return client
    }
    try {
      await work(open)
    } finally {
      this.#signal.removeEventListener('abort', onAbort)
      for (const client of clients) await client.end()
    }
  }
}

/** Runs a query whatever is wanted: it shows that the server answers us. */
async function requireWanted(client: pg.Client, wanted: WantedServer): Promise<void> {
  const { rows } = await client.query<{ standby: boolean; read_only: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::bool AS read_only`,
  )
  const { standby = false, read_only: isReadOnly = false } = rows[0] ?? {}
  if (wanted !== 'any' && standby) throw new Error(`it is a standby, not ${wanted}`)
  if (wanted === 'read-write' && isReadOnly) throw new Error('its sessions are read-only')
}

function isEmpty(name: string, value: unknown): boolean {
  return value === undefined || (name === 'parameters' && Object.keys(value as object).length === 0)
}

/** Error codes of sockets and SQLSTATEs, grouped by what the user can do about them. */
const knownFailures = [
  { codes: ['28P01', '28000'], hint: 'Check the user and the password in the URL or in PGPASSWORD.' },
  { codes: ['3D000'], hint: 'Create the database, or name another one in the URL.' },
  { codes: ['ENOTFOUND', 'EAI_AGAIN'], hint: 'Check the name of the host in the URL.' },
  {
    codes: [
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    hint: 'Name the file of its authority by sslrootcert, or encrypt without a check by sslmode=require alone.',
  },
  { codes: ['53300'], hint: 'Wait until other clients disconnect, or raise max_connections.' },
] as const

function describeFailure(connection: ConnectionInfo, cause: unknown): SimdgresError {
  const { user, database } = connection
  const where = nameAddress(connection)
  const why =
    cause instanceof Error
      ? cause.message || ('code' in cause ? String(cause.code) : cause.name)
      : String(cause)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const known = knownFailures.find(({ codes }) => codes.some((one) => one === code))
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The server at ${where} does not answer user ${user} in database ${database}: ${why}`,
    known?.hint ?? 'Check that the server runs, that this machine may reach it, and the sslmode in the URL.',
    { cause },
  )
}

function nameAddress({ host, port }: ConnectionInfo): string {
  return host.startsWith('/') ? `the socket ${host}/.s.PGSQL.${port}` : `${host}:${port}`
}
