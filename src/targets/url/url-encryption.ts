import { readFileSync } from 'node:fs'
import { invalidArgument, SimdgresError } from '../../errors.js'
import type { ConnectionInfo } from '../target.js'

/** As libpq names them; `allow` is left out: it encrypts only if the server refuses to do without. */
export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

export interface Encryption {
  readonly sslMode: SslMode
  readonly ssl: NonNullable<ConnectionInfo['ssl']>
}

/** Stands for the authorities that Node brings along, instead of a file. */
const systemAuthorities = 'system'

/**
 * What `sslmode` and `sslrootcert` ask of TLS, as in libpq: `verify-full` checks the certificate and the name in it,
 * `verify-ca` the certificate alone, and so does `require` if a root certificate is named. Otherwise `require` and
 * `prefer` encrypt without checking who answers.
 * @throws ERR_INVALID_ARGUMENT
 */
export function readEncryption(parameters: ReadonlyMap<string, string>): Encryption {
  const rootCertificate = parameters.get('sslrootcert')
  const isSystem = rootCertificate === systemAuthorities
  const sslMode = readSslMode(parameters.get('sslmode') ?? (isSystem ? 'verify-full' : 'prefer'))
  if (isSystem && sslMode !== 'verify-full') {
    throw invalidArgument(
      'sslmode in the URL',
      'verify-full beside sslrootcert=system',
      sslMode,
      'Write sslmode=verify-full: anybody can have a certificate of a public authority, for another name.',
    )
  }
  if (sslMode === 'disable') return { sslMode, ssl: false }
  if (sslMode === 'prefer' || (sslMode === 'require' && rootCertificate === undefined)) {
    return { sslMode, ssl: { rejectUnauthorized: false } }
  }
  const ca = rootCertificate === undefined || isSystem ? undefined : { ca: readCertificate(rootCertificate) }
  const anyName = sslMode === 'verify-full' ? undefined : { checkServerIdentity: () => undefined }
  return { sslMode, ssl: { rejectUnauthorized: true, ...anyName, ...ca } }
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
  if (mode) return mode
  throw invalidArgument(
    'sslmode in the URL',
    `one of ${sslModes.join(', ')}`,
    value,
    'Write sslmode=require to encrypt, sslmode=verify-full to be sure of the server as well.',
  )
}
