import { quoteIdentifier, quoteLiteral } from './quote.js'
import { type SqlSession, sessionName } from './sql-session.js'

/** By database, how many connections it allowed; -1 for any number. */
export type ConnectionLimits = Readonly<Record<string, number>>

const terminationTimeoutMs = 5000

/**
 * Closes databases to everybody but superusers, and ends sessions that bypass the pool. From here on nothing is written
 * to them. Replication goes on.
 * @param session of the server's database postgres.
 */
export async function fence(session: SqlSession, databases: readonly string[]): Promise<void> {
  for (const name of databases) {
    await session.run(`ALTER DATABASE ${quoteIdentifier(name)} CONNECTION LIMIT 0`)
  }
  await session.run(
    `SELECT pg_terminate_backend(pid, ${terminationTimeoutMs}) FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND datname IN (${databases.map(quoteLiteral).join(', ')})
       AND application_name <> '${sessionName}'`,
  )
}

export async function unfence(session: SqlSession, limits: ConnectionLimits): Promise<void> {
  for (const [name, limit] of Object.entries(limits)) {
    await session.run(`ALTER DATABASE ${quoteIdentifier(name)} CONNECTION LIMIT ${limit}`)
  }
}
