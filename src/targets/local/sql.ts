import pg from 'pg'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { clientOptions } from '../connection.js'
import type { ConnectionInfo } from '../target.js'
import type { Postmaster } from './postmaster.js'

/** A fresh cluster answers within a second; this is for a machine under heavy load. */
const readyWithinMs = 60_000
const pollEveryMs = 50
/** Nothing listens yet, or the server is still starting (SQLSTATE 57P03). */
const notYet = ['ECONNREFUSED', 'ECONNRESET', '57P03']

/** Runs statements on a connection of their own. */
export async function runSql(connection: ConnectionInfo, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(clientOptions(connection, { connectionTimeoutMillis: readyWithinMs }))
  // If the server ends while the client is idle, that is an event; without a listener it would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

/** True once the server answers a query over TCP; false if it ended before that. */
export async function isReady(
  postmaster: Postmaster,
  connection: ConnectionInfo,
  signal: AbortSignal,
): Promise<boolean> {
  const giveUpAt = Date.now() + readyWithinMs
  while (postmaster.end === undefined) {
    throwIfAborted(signal)
    try {
      await runSql(connection, ['SELECT 1'])
      return true
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (!notYet.includes(code)) throw lostServer(error)
    }
    if (Date.now() > giveUpAt) throw postmaster.describeEnd()
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs))
  }
  return false
}

function lostServer(cause: unknown): SimdgresError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new SimdgresError(
    'ERR_LOST_CONNECTION',
    `The new PostgreSQL server did not answer a query: ${why}`,
    'Run it again.',
    { cause },
  )
}
