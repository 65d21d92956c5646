import { SimdgresError } from '../errors.js'

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

/** Class 53: disk full, out of memory, too many connections. Class 58 is trouble with the server's files. */
const resourceCode = /^(53|58)/

/**
 * Turns what the driver throws into an error a user can act on. Other failures (a mistake in our SQL) come back
 * as they are: they are defects and keep their stack.
 */
export function explainServerError(error: unknown, doing: string, signal: AbortSignal): Error {
  if (error instanceof SimdgresError) return error
  if (!(error instanceof Error)) return new Error(String(error))
  const cause = { cause: error }
  if (signal.aborted) {
    return new SimdgresError('ERR_ABORTED', `Stopped while ${doing}`, 'Start it again to go on.', cause)
  }
  const code = codeOf(error)
  if (lostCodes.has(code) || error.message.startsWith('Connection terminated')) {
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
  return error
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
