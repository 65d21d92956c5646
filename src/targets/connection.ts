import type { ClientConfig } from 'pg'
import type { ConnectionInfo } from './target.js'

export interface ClientExtras extends Pick<ClientConfig, 'connectionTimeoutMillis' | 'keepAlive' | 'stream'> {
  /**
   * Sends no name. A transaction pooler puts the name of whoever asks on its connection, and leaves it there for clients
   * that have none.
   */
  readonly isNameless?: boolean
}

/** What pg_stat_activity shows of a client whose URL gives no other name. */
const defaultApplicationName = 'simdgres'

/**
 * Options of the `pg` driver for `connection`. Every client of a deployed server is made with them: none of the PG*
 * variables that a shell exports for its own servers (PGSSLMODE, PGOPTIONS, PGAPPNAME, ...) reaches this one.
 */
export function clientOptions(
  connection: ConnectionInfo,
  { isNameless = false, ...extras }: ClientExtras = {},
): ClientConfig {
  const { password, applicationName, connectTimeoutMs, enableChannelBinding, ssl } = connection
  const config: ClientConfig & { replication?: string } = {
    host: connection.host,
    port: connection.port,
    user: connection.user,
    database: connection.database,
    // As a function: the driver replaces a password that is empty by PGPASSWORD, or looks for one in PGPASSFILE.
    password: () => password,
    ssl: ssl ?? false,
    sslnegotiation: 'postgres',
    client_encoding: 'UTF8',
    ...(enableChannelBinding !== undefined && { enableChannelBinding }),
    ...extras,
    connectionTimeoutMillis: connectTimeoutMs ?? extras.connectionTimeoutMillis ?? 0,
  }
  // The driver reads the environment where an option is missing or empty. These are sent to the server, and a pooler may
  // refuse what it does not know, so they are set only where there is something to say or to hide.
  if (!isNameless || process.env['PGAPPNAME'])
    config.application_name = applicationName ?? defaultApplicationName
  if (connection.options) config.options = connection.options
  else if (process.env['PGOPTIONS']) config.options = ' '
  if (process.env['PGREPLICATION']) config.replication = 'false'
  return config
}
