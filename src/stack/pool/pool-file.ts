import { join } from 'node:path'
import { invalidArgument } from '../../errors.js'
import { writeFileAtomically } from '../../system/atomic-file.js'
import { makeFolder } from '../../system/folder.js'
import { readText } from '../../system/text-file.js'

/** Says which server the pool goes to; PgBouncer reads it when it starts and on RELOAD. */
export function poolFilePath(folder: string): string {
  return join(folder, 'pool', 'databases.ini')
}

/** Of .env: connections of the session pool to the server; without it, or with 0, there is none. */
const sessionPoolSetting = 'PGBOUNCER_SESSION_POOL_SIZE'
/** Of .env: connections of the pool by transaction to one database. */
const databaseConnectionsSetting = 'PGBOUNCER_MAX_DB_CONNECTIONS'

/** What the file is made from. */
export interface PoolPlace {
  readonly folder: string
  /** The application's. */
  readonly database: string
  readonly settings: Readonly<Record<string, string>>
}

/** Under this name, a connection to the server is a client's own until it leaves. */
export const sessionDatabase = (database: string): string => `${database}_session`

/** @throws ERR_INVALID_ARGUMENT for a size that is none. */
export async function writePoolFile(place: PoolPlace, serverName: string): Promise<void> {
  const text = renderPoolFile(place, serverName)
  // Read by a service's user, and no secret.
  await makeFolder(join(place.folder, 'pool'), 0o755)
  await writeFileAtomically(poolFilePath(place.folder), [Buffer.from(text)])
}

function renderPoolFile({ database, settings }: PoolPlace, serverName: string): string {
  const server = `host=${serverName} port=5432`
  const size = readSessionPoolSize(settings)
  const sessions =
    size === 0
      ? ''
      : `${sessionDatabase(database)} = ${server} dbname=${database} pool_mode=session pool_size=${size}\n`
  return `[databases]\n* = ${server}\n${sessions}`
}

/** Of all pools together: the limit of the role app (docker/postgres/set-roles.sql). */
const mostConnections = 85
const defaultDatabaseConnections = 80

/** 0 where there is none. @throws ERR_INVALID_ARGUMENT for what is no number, or more than the role may have. */
export function readSessionPoolSize(settings: Readonly<Record<string, string>>): number {
  const text = settings[sessionPoolSetting] || '0'
  if (!/^\d{1,3}$/.test(text))
    throw invalidArgument(sessionPoolSetting, 'a number of connections, 0 for none', text)
  const size = Number(text)
  const others = Number(settings[databaseConnectionsSetting] || defaultDatabaseConnections)
  if (size === 0 || size + others <= mostConnections) return size
  throw invalidArgument(
    sessionPoolSetting,
    `at most ${Math.max(0, mostConnections - others)} beside ${databaseConnectionsSetting}=${others}, as the role app has ${mostConnections}`,
    text,
    `Set both, for example --set ${databaseConnectionsSetting}=${mostConnections - size} --set ${sessionPoolSetting}=${size}.`,
  )
}

/** The server that the file names; undefined where there is no file. */
export async function readPoolFile(folder: string): Promise<string | undefined> {
  return /\bhost=(\S+)/.exec((await readText(poolFilePath(folder))) ?? '')?.[1]
}
