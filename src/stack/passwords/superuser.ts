import { throwIfAborted } from '../../errors.js'
import { quoteIdentifier, quoteLiteral } from '../server/quote.js'
import { requireSuccess, superuserCommand } from '../server/sql.js'
import { databaseService } from '../services/service-names.js'
import type { Stack } from '../stack.js'

/** Without it, the server's log and its statistics would keep the text of statements with passwords. */
const hideStatements =
  "SET LOCAL log_statement = 'none'; SET LOCAL log_min_error_statement = 'panic'; SET LOCAL pgaudit.log = 'none'"

/**
 * A server in single-user mode asks nobody for a password. It reads one statement a line. With less than the primary's
 * wal_level it would refuse to start where there is a slot of logical replication.
 */
const singleUserScript = `
  IFS= read -r password </run/secrets/postgres_password || test -n "$password"
  printf "ALTER ROLE %s PASSWORD '%s'\\n" "$1" "\${password//\\'/\\'\\'}" |
    postgres --single -D "$PGDATA" -c exit_on_error=on -c wal_level=logical -c log_statement=none \\
      -c log_min_error_statement=panic -c log_min_duration_statement=-1 postgres`

/** Whether the running primary refuses the superuser's password that is in the stack's folder. */
export async function isLockedOut(stack: Stack): Promise<boolean> {
  const command = superuserCommand(stack.superuser, 'postgres')
  const { exitCode, stderr } = await stack.exec(stack.primary, command, { stdin: 'SELECT 1' })
  return exitCode !== 0 && stderr.includes('password authentication failed')
}

/**
 * Gives the primary the superuser's password that is in the stack's folder, without the one that it has: for a file that
 * was lost or replaced. The server is away for some seconds.
 */
export async function resetSuperuserPassword(stack: Stack): Promise<void> {
  throwIfAborted(stack.signal)
  const { primary, steady } = stack
  stack.progress.note(
    `${primary} has another password for ${stack.superuser}: restarting it with that of the folder`,
  )
  await steady.stopService(primary)
  try {
    const result = await steady.runOneShot(
      ['-euo', 'pipefail', '-c', singleUserScript, 'bash', quoteIdentifier(stack.superuser)],
      { service: databaseService, entrypoint: ['bash'], networks: [] },
    )
    requireSuccess(result, `Setting the password of ${stack.superuser}`)
  } finally {
    await steady.startAgain(primary)
  }
  await stack.waitUntilHealthy(primary)
}

/** Sets it by means of the present one. The caller writes `password` to the folder. */
export async function changeSuperuserPassword(stack: Stack, password: string): Promise<void> {
  const role = quoteIdentifier(stack.superuser)
  await stack.query(
    `BEGIN; ${hideStatements}; ALTER ROLE ${role} PASSWORD ${quoteLiteral(password)}; COMMIT`,
    {
      database: 'postgres',
    },
  )
}
