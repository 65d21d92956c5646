import type { ServerNames } from '../../system/certificates.js'

/** uid and gid of each service's process in its image: a mounted file keeps the owner it has on the host. */
const postgres = 999
const pgbouncer = 998
const redis = 997
const postgresExporter = 996
const pgbouncerExporter = 995

/** Owner of files that only the user of the command line reads. */
export const ownUser = 'own'

export interface SecretFile {
  /** Below the stack's secrets folder. */
  readonly path: string
  readonly owner: number | typeof ownUser
}

/** One random value, in one file for each reader: a file has a single owner. */
export interface PasswordRow {
  /** As the command line names it. */
  readonly name: string
  readonly files: readonly SecretFile[]
}

/** Of the administrator, who comes by the server's own socket. */
export const superuserPassword = 'postgres'

export const passwordRows: readonly PasswordRow[] = [
  { name: superuserPassword, files: [{ path: 'postgres_password', owner: postgres }] },
  {
    name: 'app',
    files: [
      { path: 'app_password', owner: postgres },
      { path: 'client/app_password', owner: ownUser },
    ],
  },
  {
    name: 'pooler',
    files: [
      { path: 'pooler_password', owner: postgres },
      { path: 'pgbouncer_pooler_password', owner: pgbouncer },
    ],
  },
  {
    name: 'monitor',
    files: [
      { path: 'monitor_password', owner: postgres },
      { path: 'postgres_exporter_password', owner: postgresExporter },
    ],
  },
  { name: 'backup', files: [{ path: 'backup_password', owner: postgres }] },
  { name: 'replication', files: [{ path: 'replication_password', owner: postgres }] },
  {
    name: 'pgbouncer_stats',
    files: [
      { path: 'pgbouncer_stats_password', owner: pgbouncer },
      { path: 'pgbouncer_exporter_password', owner: pgbouncerExporter },
    ],
  },
  {
    name: 'redis',
    files: [
      { path: 'redis_password', owner: redis },
      { path: 'client/redis_password', owner: ownUser },
    ],
  },
]

export interface CertificateRow {
  /** `<name>.crt` and `<name>.key` */
  readonly name: string
  readonly owner: number
  readonly names: ServerNames
}

const loopback = ['127.0.0.1', '::1']

function certificateRow(name: string, owner: number, ...more: readonly string[]): CertificateRow {
  return { name, owner, names: { commonName: name, dns: [name, ...more, 'localhost'], addresses: loopback } }
}

export const certificateRows: readonly CertificateRow[] = [
  // Both names of the server: after a move the other one answers, with the same certificate.
  certificateRow('postgres', postgres, 'postgres-green'),
  certificateRow('pgbouncer', pgbouncer),
  certificateRow('redis', redis),
]

/** Of the stack's own authority: what every service and client trusts. */
export const authorityName = 'ca'

export type SecretKind = 'password' | 'certificate' | typeof authorityName

export const passwordNames: readonly string[] = passwordRows.map(({ name }) => name)
export const certificateNames: readonly string[] = certificateRows.map(({ name }) => name)

/** Paths below the secrets folder. */
export function filesOf(kind: SecretKind, name: string): readonly string[] {
  if (kind === authorityName) return ['ca.crt']
  if (kind === 'certificate') return [`${name}.crt`, `${name}.key`]
  return passwordRows.flatMap((row) => (row.name === name ? row.files.map(({ path }) => path) : []))
}
