import type { Stack } from './project.js'

/**
 * psql as the application, the way applications come: through PgBouncer, with TLS verified against the stack's own
 * authority. Run in the server's container, which has the application's password as a file.
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

/** Why a query of the application is not answered; undefined where it is. */
export async function findPoolProblem(stack: Stack): Promise<string | undefined> {
  const { environment } = stack.compose.services['postgres']!
  const database = environment['POSTGRES_DB'] || 'postgres'
  const argv = poolClientCommand(database, ['--tuples-only', '--command=SELECT 1'])
  const { exitCode, stderr } = await stack.exec(stack.primary, argv)
  return exitCode === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `exit code ${exitCode}`)
}
