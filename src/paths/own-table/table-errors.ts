import { invalidArgument, SimdgresError } from '../../errors.js'
import type { TableName } from './table.js'

/**
 * What the server has refused, with the next step for somebody who reads a table: other runs create one, and their steps
 * are about that. Anything else comes back as it is.
 */
export function explainTableError(error: unknown, { table, where }: TableName): unknown {
  const cause = error instanceof SimdgresError ? error.cause : error
  if (!(cause instanceof Error) || !('code' in cause)) return error
  const code = String(cause.code)
  const unavailable = (hint: string) =>
    new SimdgresError('ERR_UNAVAILABLE', `The server does not let ${table} be read: ${cause.message}`, hint, {
      cause,
    })
  // insufficient_privilege
  if (code === '42501')
    return unavailable('Have its owner GRANT SELECT on the table, and USAGE on its schema, to this role.')
  // query_canceled, by a limit
  if (code === '57014') {
    return unavailable(
      'Lift statement_timeout for this role (10 minutes are the most that is used), or choose rows with --where.',
    )
  }
  // Syntax and names, values that do not fit, and what a read-only transaction refuses.
  const isOfCondition = where !== undefined && (/^(42|22)/.test(code) || code === '25006')
  if (!isOfCondition) return error
  const expected = `a condition on rows of ${table} (the server says: ${cause.message})`
  return invalidArgument('--where', expected, where)
}
