import { quoteIdentifier, quoteLiteral } from './quote.js'
import { type SqlSession, sessionName } from './sql-session.js'

/** By database: the number of connections that it allowed; -1 for any. */
export type ConnectionLimits = Readonly<Record<string, number>>

const terminationTimeoutMs = 5000

/**
 * Closes databases for everybody but superusers, and ends the sessions that came past the pool: from here on nothing is
 * written to them. Replication goes on.
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
