import { userInfo } from 'node:os'
import { invalidArgument } from '../../errors.js'
import type { ConnectionInfo } from '../target.js'
import { readEncryption, type SslMode } from './url-encryption.js'
import { type HostAndPort, notOfPostgres, splitUrl, urlShape } from './url-text.js'

export interface ParsedUrl {
  /** To the first host. */
  readonly connection: ConnectionInfo
  readonly sslMode: SslMode
  /** Further hosts, to be tried in this order. */
  readonly otherHosts?: readonly HostAndPort[]
  /** Which of the hosts will do (`target_session_attrs`). */
  readonly wanted?: WantedServer
}

/** A measurement writes its tables, so a standby is no choice here. */
const wantedServers = ['any', 'read-write', 'primary'] as const
export type WantedServer = (typeof wantedServers)[number]

const msPerSecond = 1000

/** Parameters that have an effect here. */
const knownParameters = [
  'sslmode',
  'sslrootcert',
  'application_name',
  'channel_binding',
  'connect_timeout',
  'options',
  'target_session_attrs',
] as const

/**
 * Parameters that providers and frameworks put into connection strings, and that make no difference to a client that
 * stays connected: they size a pool, switch a driver's features, or tune the detection of dead connections.
 */
const harmlessParameters = [
  'connection_limit',
  'fallback_application_name',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'load_balance_hosts',
  'pgbouncer',
  'pool_timeout',
  'supa',
  'tcp_user_timeout',
]

/**
 * Reads `postgres://user:password@host:port/database?sslmode=...&sslrootcert=FILE`, with the further parameters that
 * libpq and the providers of databases know. A password that is left out comes from PGPASSWORD, which keeps it off the
 * command line. No message repeats the URL: it may hold the password.
 * @throws ERR_INVALID_ARGUMENT
 */
export function parsePostgresUrl(text: string, env: NodeJS.ProcessEnv = process.env): ParsedUrl {
  const { user: givenUser, password, hosts, database, parameters } = splitUrl(text)
  const [first, ...others] = hosts
  if (first === undefined || hosts.some(({ host }) => host === '')) throw notOfPostgres()
  // As in libpq. Over a socket, the server can ask the kernel who the user is.
  const isSocket = first.host.startsWith('/')
  const user = givenUser || (isSocket ? userInfo().username : '')
  if (user === '') throw invalidArgument('the user in the URL', 'a name', '', `Write it as ${urlShape}.`)
  checkParameterNames(parameters)
  const { sslMode, ssl } = readEncryption(parameters)
  const wanted = readWantedServer(parameters.get('target_session_attrs'))
  return {
    sslMode,
    ...(others.length > 0 && { otherHosts: others }),
    ...(wanted !== undefined && { wanted }),
    connection: {
      ...first,
      user,
      password: password || (env['PGPASSWORD'] ?? ''),
      database: database || user,
      // There is nobody to overhear a socket, and servers offer no TLS on it.
      ssl: isSocket ? false : ssl,
      ...readSessionOptions(parameters, sslMode),
    },
  }
}

function readSessionOptions(parameters: ReadonlyMap<string, string>, sslMode: SslMode) {
  const options = parameters.get('options')
  const applicationName = parameters.get('application_name')
  const connectTimeoutMs = readTimeoutMs(parameters.get('connect_timeout'))
  const enableChannelBinding = readChannelBinding(parameters.get('channel_binding'), sslMode)
  return {
    ...(options && { options }),
    ...(applicationName && { applicationName }),
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    ...(enableChannelBinding !== undefined && { enableChannelBinding }),
  }
}

/** In libpq, zero or less means no limit; here it leaves us our own, because somebody waits for the benchmark. */
function readTimeoutMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^-?\d{1,6}$/.test(text)) {
    throw invalidArgument('connect_timeout in the URL', 'a whole number of seconds', text)
  }
  return Number(text) > 0 ? Number(text) * msPerSecond : undefined
}

/** The driver can be told to bind the authentication if the server offers that, but not to insist on it. */
function readChannelBinding(text: string | undefined, sslMode: SslMode): boolean | undefined {
  if (text === undefined) return undefined
  const choices = ['disable', 'prefer', 'require']
  if (!choices.includes(text)) {
    throw invalidArgument('channel_binding in the URL', `one of ${choices.join(', ')}`, text)
  }
  if (text === 'require' && sslMode === 'disable') {
    throw invalidArgument('channel_binding in the URL', 'disable or prefer beside sslmode=disable', text)
  }
  return text !== 'disable'
}

function readWantedServer(text: string | undefined): WantedServer | undefined {
  if (text === undefined) return undefined
  const wanted = wantedServers.find((known) => known === text)
  if (wanted !== undefined) return wanted
  throw invalidArgument(
    'target_session_attrs in the URL',
    `one of ${wantedServers.join(', ')}`,
    text,
    'Remove target_session_attrs from the URL: a measurement writes its tables, which a standby refuses.',
  )
}

function checkParameterNames(parameters: ReadonlyMap<string, string>): void {
  for (const name of parameters.keys()) {
    if (knownParameters.some((known) => known === name) || harmlessParameters.includes(name)) continue
    throw invalidArgument(
      'the parameters of the URL',
      `only ${knownParameters.join(', ')}`,
      name,
      name === 'ssl' ? 'Write sslmode=require in place of ssl.' : `Remove ${name} from the URL.`,
    )
  }
}
