import { SimdgresError } from '../../errors.js'

/** SQLSTATEs and socket errors that mean the server, or the way to it, is gone. */
const lostCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '08000',
  '08003',
  '08006',
])

/** What the driver itself says, without a code, of a connection that is gone or of a server that does not answer. */
const lostMessage = /^Connection terminated|is not queryable$|^timeout expired$/

/** What a server that is not ours may refuse, and what to do about it. */
const refusals: Readonly<Record<string, string>> = {
  // insufficient_privilege
  '42501': 'Use a role that may create a schema: GRANT CREATE ON DATABASE ... TO ..., run by the owner.',
  // read_only_sql_transaction
  '25006': 'Name the primary: a run loads tables, which a replica or a read-only session refuses.',
  // query_canceled
  '57014':
    'Lift the limit for this role (ALTER ROLE ... SET statement_timeout = 0), or search fewer rows with --rows.',
  // lock_not_available
  '55P03': 'Wait until the other session has ended, then run again.',
}

/** Class 53: disk full, out of memory, too many connections. Class 58 is trouble with the server's files. */
const resourceCode = /^(53|58)/
/** program_limit_exceeded: pgvector's IVFFlat refuses to build where its sample does not fit. */
const limitCode = '54000'
/** SQLSTATEs, which have a digit, as opposed to error codes of sockets. */
const sqlState = /^(?=.*\d)[0-9A-Z]{5}$/
/** syntax_error: the statement is ours. */
const ourFault = '42601'

/**
 * Turns what the driver throws into an error a user can act on: what a server says of its limits is no defect of ours.
 * Other failures (a mistake in our SQL) come back as they are: they are defects and keep their stack.
 */
export function explainServerError(error: unknown, doing: string, signal: AbortSignal): Error {
  if (error instanceof SimdgresError) return error
  if (!(error instanceof Error)) return new Error(String(error))
  const cause = { cause: error }
  if (signal.aborted) {
    return new SimdgresError('ERR_ABORTED', `Stopped while ${doing}`, 'Start it again.', cause)
  }
  const code = codeOf(error)
  if (lostCodes.has(code) || lostMessage.test(error.message)) {
    return new SimdgresError(
      'ERR_LOST_CONNECTION',
      `The PostgreSQL server went away while ${doing}: ${error.message}`,
      "See the server's log for the reason (out of memory is the usual one), then run again.",
      cause,
    )
  }
  if (resourceCode.test(code)) {
    return new SimdgresError(
      'ERR_RESOURCE',
      `The PostgreSQL server ran short while ${doing}: ${error.message}`,
      'Free disk space or memory for the server, or search fewer rows with --rows.',
      cause,
    )
  }
  if (code === limitCode) {
    return new SimdgresError(
      'ERR_RESOURCE',
      `The PostgreSQL server has reached a limit while ${doing}: ${error.message}`,
      explainLimit(error.message),
      cause,
    )
  }
  if (code in refusals || (sqlState.test(code) && code !== ourFault)) {
    return new SimdgresError(
      'ERR_UNAVAILABLE',
      `The PostgreSQL server refused while ${doing}: ${error.message}`,
      refusals[code] ?? `Look up SQLSTATE ${code}, and the server's log.`,
      cause,
    )
  }
  return error
}

function explainLimit(message: string): string {
  if (!message.includes('maintenance_work_mem')) return 'Raise the limit, or leave the path out with --paths.'
  return (
    'Raise maintenance_work_mem: with --set maintenance_work_mem=1GB for a server of ours, else with ' +
    'ALTER ROLE ... SET maintenance_work_mem.'
  )
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
