import { readFileSync } from 'node:fs'
import { invalidArgument, SimdgresError } from '../../errors.js'
import type { ConnectionInfo } from '../target.js'

/** As libpq names them; `allow` is left out, it asks for encryption only where the server refuses to go without. */
export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

export interface ParsedUrl {
  readonly connection: ConnectionInfo
  readonly sslMode: SslMode
}

const defaultPort = 5432
const shape = 'postgres://user:password@host:port/database?sslmode=verify-full'

/**
 * Reads `postgres://user:password@host:port/database?sslmode=...&sslrootcert=FILE`. A password that is left out comes
 * from PGPASSWORD, which keeps it off the command line. No message repeats the URL: it may hold the password.
 * @throws ERR_INVALID_ARGUMENT
 */
export function parsePostgresUrl(text: string, env: NodeJS.ProcessEnv = process.env): ParsedUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol) || url.hostname === '') {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      'The URL of the server is not one of a PostgreSQL server',
      `Write it as ${shape}; characters like @ and / inside the password are written as %40 and %2F.`,
    )
  }
  const user = decode(url.username, 'user')
  if (user === '') throw invalidArgument('the user in the URL', 'a name', '', `Write it as ${shape}.`)
  checkParameterNames(url.searchParams)
  const sslMode = readSslMode(url.searchParams.get('sslmode') ?? 'prefer')
  const rootCertificate = url.searchParams.get('sslrootcert')
  return {
    sslMode,
    connection: {
      // Brackets belong to the notation of IPv6 addresses in URLs, not to the address.
      host: decode(url.hostname, 'host').replace(/^\[|\]$/g, ''),
      port: url.port === '' ? defaultPort : Number(url.port),
      user,
      password: decode(url.password, 'password') || (env['PGPASSWORD'] ?? ''),
      database: decode(url.pathname.slice(1), 'database') || user,
      ssl: encryption(sslMode, rootCertificate ?? undefined),
    },
  }
}

/** What `sslMode` asks of TLS. `prefer` starts with encryption. */
function encryption(
  sslMode: SslMode,
  rootCertificate: string | undefined,
): NonNullable<ConnectionInfo['ssl']> {
  if (sslMode === 'disable') return false
  const ca = rootCertificate === undefined ? {} : { ca: readCertificate(rootCertificate) }
  // As in libpq: only the verify modes look at the certificate, and only verify-full at the name in it.
  if (sslMode === 'verify-full') return { rejectUnauthorized: true, ...ca }
  if (sslMode === 'verify-ca')
    return { rejectUnauthorized: true, checkServerIdentity: () => undefined, ...ca }
  return { rejectUnauthorized: false }
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `The file of sslrootcert, ${file}, cannot be read`,
      'Name a file with the certificate of the authority, in PEM format.',
      { cause },
    )
  }
}

function readSslMode(value: string): SslMode {
  const mode = sslModes.find((known) => known === value)
  if (!mode) throw invalidArgument('sslmode in the URL', `one of ${sslModes.join(', ')}`, value)
  return mode
}

function checkParameterNames(parameters: URLSearchParams): void {
  for (const name of parameters.keys()) {
    if (name !== 'sslmode' && name !== 'sslrootcert') {
      throw invalidArgument('the parameters of the URL', 'sslmode or sslrootcert', name)
    }
  }
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
