import type { Stack } from '../stack.js'

const answerLimitSeconds = 8
/** Exit code of timeout(1) when it had to end the command. */
const timedOut = 124

/**
 * psql as the application connects: through PgBouncer, with TLS verified against the stack's own authority. Runs in the
 * server's container, which has the application's password as a file.
 */
export function poolClientCommand(database: string, args: readonly string[]): string[] {
  const connection = [
    'host=pgbouncer',
    'port=6432',
    'user=app',
    `dbname=${database}`,
    'sslmode=verify-full',
    'sslrootcert=/run/secrets/ca.crt',
    'connect_timeout=5',
  ].join(' ')
  return [
    'sh',
    '-c',
    'PGPASSWORD="$(cat /run/secrets/app_password)" exec psql "$@"',
    'psql',
    '--no-psqlrc',
    `--dbname=${connection}`,
    ...args,
  ]
}

/** Why the application's queries are not answered; undefined if they are. */
export async function findPoolProblem(stack: Stack): Promise<string | undefined> {
  // A pool that cannot reach its server lets clients wait for a minute (query_wait_timeout).
  const argv = [
    'timeout',
    String(answerLimitSeconds),
    ...poolClientCommand(stack.database, ['--tuples-only', '--command=SELECT 1']),
  ]
  const { exitCode, stderr } = await stack.exec(stack.primary, argv)
  if (exitCode === 0) return undefined
  if (exitCode === timedOut) return `no answer within ${answerLimitSeconds} s`
  return stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`
}
