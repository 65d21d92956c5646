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
  readonly files: readonly SecretFile[]
}

export const passwordRows: readonly PasswordRow[] = [
  { files: [{ path: 'postgres_password', owner: postgres }] },
  {
    files: [
      { path: 'app_password', owner: postgres },
      { path: 'client/app_password', owner: ownUser },
    ],
  },
  {
    files: [
      { path: 'pooler_password', owner: postgres },
      { path: 'pgbouncer_pooler_password', owner: pgbouncer },
    ],
  },
  {
    files: [
      { path: 'monitor_password', owner: postgres },
      { path: 'postgres_exporter_password', owner: postgresExporter },
    ],
  },
  { files: [{ path: 'backup_password', owner: postgres }] },
  { files: [{ path: 'replication_password', owner: postgres }] },
  {
    files: [
      { path: 'pgbouncer_stats_password', owner: pgbouncer },
      { path: 'pgbouncer_exporter_password', owner: pgbouncerExporter },
    ],
  },
  {
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
