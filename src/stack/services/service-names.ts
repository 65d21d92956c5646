/** Services, and a volume, of docker/compose.yaml that the driver itself has to know. */

export const databaseService = 'postgres'
export const poolerService = 'pgbouncer'
export const backupService = 'backup'

/** Holds the server's files; a move gives the new server another one in its place. */
export const dataVolume = 'postgres_data'
