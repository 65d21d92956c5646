import type { ExecResult } from '../../engine/exec.js'
import { SimdgresError } from '../../errors.js'

/** Characters that occur in none of our values. They separate columns, end rows and stand for NULL. */
const columnMark = '\x1f'
const rowMark = '\0'
const nullMark = '\x1d'

/** Options of a psql whose rows parseRows reads. */
export const psqlOptions: readonly string[] = [
  '--no-psqlrc',
  '--quiet',
  '--no-align',
  `--field-separator=${columnMark}`,
  '--record-separator-zero',
  `--pset=null=${nullMark}`,
  '--pset=footer=off',
  '--set=ON_ERROR_STOP=1',
]

/** By the shell itself: a process of its own would take as long as the connection. */
const readPassword =
  'IFS= read -r PGPASSWORD </run/secrets/postgres_password || test -n "$PGPASSWORD"; export PGPASSWORD'

/** psql as the superuser for statements from standard input, with rows that parseRows reads. */
export function superuserCommand(user: string, database: string): string[] {
  return superuserClientCommand(user, database, [...psqlOptions, '--tuples-only'])
}

/**
 * psql as the superuser over the socket of the server's own container. The password is read there, by the shell: it is
 * in no argument, and in no environment that the engine shows.
 */
export function superuserClientCommand(user: string, database: string, args: readonly string[]): string[] {
  return [
    'sh',
    '-c',
    // A server that is starting or recovering accepts connections, but answers late or never.
    `${readPassword}; PGCONNECT_TIMEOUT=10 exec psql "$@"`,
    'psql',
    '--host=/var/run/postgresql',
    `--username=${user}`,
    `--dbname=${database}`,
    ...args,
  ]
}

/** A program of PostgreSQL as the superuser, over the same socket and with the password read in the same place. */
export function superuserToolCommand(user: string, program: string, args: readonly string[]): string[] {
  return [
    'sh',
    '-c',
    `${readPassword}; exec "$@"`,
    'sh',
    program,
    '--host=/var/run/postgresql',
    `--username=${user}`,
    '--no-password',
    ...args,
  ]
}

export function parseRows(text: string): (string | null)[][] {
  const rows = text.split(rowMark).slice(0, -1)
  return rows.map((row) => row.split(columnMark).map((value) => (value === nullMark ? null : value)))
}

/** Reads rows as objects, keyed by the names in the first row. */
export function parseTable(text: string): Record<string, string>[] {
  const [columns = [], ...rows] = parseRows(text)
  return rows.map((row) =>
    Object.fromEntries(columns.map((column, index) => [column ?? '', row[index] ?? ''])),
  )
}

/** @throws ERR_CHECK_FAILED with what psql wrote. */
export function requireSuccess({ exitCode, stderr }: ExecResult, what: string): void {
  if (exitCode === 0) return
  throw new SimdgresError(
    exitCode === 2 ? 'ERR_UNAVAILABLE' : 'ERR_CHECK_FAILED',
    `${what} failed: ${stderr.trim() || `exit code ${exitCode}`}`,
    exitCode === 2 ? 'See simdgres status and simdgres logs.' : 'Correct what the message says.',
  )
}
