import { SimdgresError } from '../errors.js'

/** Begins the name of a variable of .env that sets a parameter of the server: POSTGRES_PARAMETER_max_wal_size=8GB. */
const prefix = 'POSTGRES_PARAMETER_'

export interface ServerParameter {
  /** As the server knows it: `max_wal_size`, `pgaudit.log`. */
  readonly name: string
  readonly value: string
  /** As .env writes it. A name with a dot has two underscores there: POSTGRES_PARAMETER_pgaudit__log. */
  readonly variable: string
}

/** What the stack needs as it is, or what would cost data, with the reason. Ends of names that stand for many have a *. */
const refused: readonly (readonly [name: string, reason: string])[] = [
  ['fsync', 'a crash would damage the data'],
  ['full_page_writes', 'a crash would damage the data'],
  ['data_sync_retry', 'a failed write would pass as done'],
  [
    'synchronous_commit',
    'a crash would lose commits; set it for a role: ALTER ROLE app SET synchronous_commit = off',
  ],
  ['zero_damaged_pages', 'damaged data would be removed unseen'],
  ['ignore_checksum_failure', 'damaged data would be served'],
  ['ignore_invalid_pages', 'damaged data would be served'],
  ['allow_system_table_mods', 'the catalogue would be open to changes'],
  ['wal_level', 'backups, switchover and upgrade need logical'],
  ['hot_standby', 'a switchover asks the standby'],
  ['max_connections', 'limits of roles and of the pool are made for it'],
  ['default_transaction_read_only', 'the stack writes to the server itself'],
  ['shared_preload_libraries', 'monitoring and audit need what is loaded'],
  ['password_encryption', 'roles have scram-sha-256 verifiers'],
  ['archive_*', 'the archive of the log is made by the stack'],
  ['restore_command', 'recovery is made by the stack'],
  ['recovery_*', 'recovery is made by the stack'],
  ['primary_*', 'a switchover sets it'],
  ['ssl*', 'certificates are made by the stack'],
  ['listen_addresses', 'the pool is the entrance'],
  ['port', 'the pool is the entrance'],
  ['unix_socket_*', 'the container has its socket in one place'],
  ['data_directory', 'the data is where the volume is'],
  ['external_pid_file', 'the data is where the volume is'],
  ['config_file', 'the image makes it'],
  ['hba_file', 'the image makes it'],
  ['ident_file', 'the image makes it'],
  ['log_destination', 'the engine keeps the log: simdgres logs postgres'],
  ['logging_collector', 'the engine keeps the log: simdgres logs postgres'],
]

/** Parameters that .env or the shell sets, sorted by name. */
export function listServerParameters(settings: Readonly<Record<string, string>>): readonly ServerParameter[] {
  return Object.entries(settings)
    .filter(([variable, value]) => variable.startsWith(prefix) && value !== '')
    .map(([variable, value]) => ({
      name: variable.slice(prefix.length).replaceAll('__', '.').toLowerCase(),
      value,
      variable,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** As the image's entrypoint takes them: a line each. */
export function joinServerParameters(parameters: readonly ServerParameter[]): string {
  return parameters.map(({ name, value }) => `${name}=${value}`).join('\n')
}

/** @throws ERR_INVALID_ARGUMENT naming the variable and the reason, for what the stack owns or what is unsafe. */
export function requireAllowedParameters(parameters: readonly ServerParameter[]): void {
  for (const { name, variable } of parameters) {
    const found = refused.find(([pattern]) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
    if (!found) continue
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${variable}: the parameter ${name} cannot be set here: ${found[1]}`,
      'Remove that line from .env.',
    )
  }
}
