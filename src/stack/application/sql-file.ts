import { SimdgresError } from '../../errors.js'
import { parseRows, superuserCommand } from '../server/sql.js'
import type { Stack } from '../stack.js'
import type { SqlFile } from './folder.js'

export interface SqlFileOptions {
  /** Statements around the file's, in the same transaction. */
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  /** Parameters of the session. */
  readonly parameters?: Readonly<Record<string, string>>
  /** What the user does about a failure. */
  readonly hint: string
}

export interface SqlFileResult {
  /** Of all statements, as text, null for NULL. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** Warnings of the server, with file and line. */
  readonly warnings: readonly string[]
}

/**
 * Runs a file in the stack's database as the superuser, all of it in one transaction. It goes to psql in the
 * server's container: nothing is mounted, so a server of another name and a command line in a container do as well.
 * @throws ERR_CHECK_FAILED with file and line where a statement fails; nothing of it is kept then.
 */
export async function runSqlFile(
  stack: Stack,
  { path, content }: SqlFile,
  { before = [], after = [], parameters = {}, hint }: SqlFileOptions,
): Promise<SqlFileResult> {
  const argv = [
    ...superuserCommand(stack.superuser, stack.database),
    '--single-transaction',
    ...before.map((statement) => `--command=${statement}`),
    // Apart from the statements around it, so that its lines are counted from its own first one.
    '--file=-',
    ...after.map((statement) => `--command=${statement}`),
  ]
  const options = Object.entries({ client_min_messages: 'warning', ...parameters })
  const { exitCode, stdout, stderr } = await stack.exec(stack.primary, argv, {
    stdin: content,
    environment: { PGOPTIONS: options.map(([name, value]) => `-c ${name}=${value}`).join(' ') },
  })
  const messages = stderr.replaceAll(/^psql:<stdin>:/gm, `${path}:`).trim()
  if (exitCode === 0) return { rows: parseRows(stdout), warnings: messages === '' ? [] : [messages] }
  if (exitCode === 2) {
    const next = 'See simdgres status and simdgres logs.'
    throw new SimdgresError('ERR_UNAVAILABLE', `${path} cannot be run: ${messages}`, next)
  }
  const where = messages.includes(path) ? '' : `${path}: `
  throw new SimdgresError('ERR_CHECK_FAILED', `${where}${messages || `psql ended with ${exitCode}`}`, hint)
}
