import { SimdgresError } from '../../errors.js'

/** The parts of a URL, percent-decoded. */
export interface UrlParts {
  readonly user: string
  readonly password: string
  /** In the order in which they are tried. A host that begins with a slash is the folder of a Unix socket. */
  readonly hosts: readonly HostAndPort[]
  readonly database: string
  /** The parameters after the question mark, except those that are parts of their own here (`host`, `user`, ...). */
  readonly parameters: ReadonlyMap<string, string>
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

const defaultPort = 5432
export const urlShape = 'postgres://user:password@host:port/database?sslmode=verify-full'
/** Our own pattern, because the URL class allows one host only, and requires it. */
const pattern = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/

/**
 * Splits `postgres://user:password@host:port,host:port/database?name=value&...`. As in libpq, the parameters `host`,
 * `port`, `user`, `password` and `dbname` replace what stands before them.
 * @throws ERR_INVALID_ARGUMENT; no message repeats the URL, which may hold the password.
 */
export function splitUrl(text: string): UrlParts {
  const match = pattern.exec(text)
  if (!match) throw notOfPostgres()
  const [, login = '', authority = '', path = '', query = ''] = match
  const parameters = readParameters(query)
  const take = (name: string): string | undefined => {
    const value = parameters.get(name)
    parameters.delete(name)
    return value
  }
  const colon = login.indexOf(':')
  const user = decode(colon < 0 ? login : login.slice(0, colon), 'user')
  const password = colon < 0 ? '' : decode(login.slice(colon + 1), 'password')
  const hosts = authority === '' ? [] : authority.split(',').map(splitHost)
  return {
    user: take('user') ?? user,
    password: take('password') ?? password,
    hosts: replaceHosts(hosts, take('host'), take('port')),
    database: take('dbname') ?? decode(path, 'database'),
    parameters,
  }
}

function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at), 'name of a parameter')
    // A plus stays a plus, as in libpq: it stands for a blank in form data only.
    parameters.set(name, at < 0 ? '' : decode(pair.slice(at + 1), `parameter ${name}`))
  }
  return parameters
}

function splitHost(text: string): HostAndPort {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text)
  if (!match) throw notOfPostgres()
  const [, host = '', port = ''] = match
  // Brackets belong to the notation of IPv6 addresses in URLs, not to the address.
  return { host: decode(host, 'host').replace(/^\[|\]$/g, ''), port: readPort(port) }
}

function replaceHosts(
  hosts: readonly HostAndPort[],
  hostList: string | undefined,
  portList: string | undefined,
): HostAndPort[] {
  const names = hostList === undefined ? hosts.map(({ host }) => host) : hostList.split(',')
  const ports = portList === undefined ? undefined : portList.split(',').map(readPort)
  return names.map((host, index) => ({
    host,
    // One port stands for all hosts.
    port: ports?.[index] ?? ports?.[0] ?? hosts[index]?.port ?? defaultPort,
  }))
}

function readPort(text: string): number {
  const port = text === '' ? defaultPort : Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port
  throw notOfPostgres('A port in the URL of the server is not a number from 1 to 65535')
}

export function notOfPostgres(
  message = 'The URL of the server is not one of a PostgreSQL server',
): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    message,
    `Write it as ${urlShape}; characters like @ and / inside the password are written as %40 and %2F.`,
  )
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `The ${part} in the URL of the server has a % that is not followed by two hexadecimal digits`,
      'Write a percent sign as %25.',
    )
  }
}
