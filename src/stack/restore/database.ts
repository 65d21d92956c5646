import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dockerFolder } from '../../config/stack.js'
import type { ExecResult } from '../../engine/exec.js'
import { SimdgresError } from '../../errors.js'
import { patchedArchive, searchPathEnvironment, withPatchedArchive } from '../server/dump-search-path.js'
import { quoteIdentifier, quoteLiteral } from '../server/quote.js'
import { superuserToolCommand } from '../server/sql.js'
import { type Contents, parseContents, readSetFile, setPath } from '../sets/backup-sets.js'
import type { Stack } from '../stack.js'
import { type ContentsComparison, compareContents } from './comparison.js'
import { databaseStatements, missingRoleStatements } from './statements.js'

/** Index builds dominate a restore; more jobs would take processors away from users of the old database. */
const jobs = 2

/**
 * Restores a logical set into the new database `database` of a server, by default the primary, and compares it with what was recorded when
 * the set was made: rows and hash of each table, sequences, extensions; then checks the structure of tables and
 * indexes. If anything fails, the new database is removed again.
 * @throws ERR_CHECK_FAILED naming what differs.
 */
export async function restoreIntoDatabase(
  stack: Stack,
  set: string,
  database: string,
  service = stack.primary,
): Promise<{ contents: Contents; comparison: ContentsComparison }> {
  const contents = parseContents(await readSetFile(stack, set, 'contents.json'))
  try {
    stack.progress.step(`restoring ${set}`, 0, 4)
    await createRoles(stack, set, service)
    await createDatabase(stack, database, contents, service)
    await load(stack, set, { database, service }, contents.searchPath)
    stack.progress.step(`restoring ${set}`, 1, 4)
    await setProperties(stack, set, contents.database, { database, service })
    await stack.query('ANALYZE', { database, service })
    stack.progress.step(`restoring ${set}`, 2, 4)
    const comparison = compareContents(contents, await readContents(stack, database, service))
    stack.progress.step(`restoring ${set}`, 3, 4)
    await checkStructure(stack, database, service)
    return { contents, comparison }
  } catch (error) {
    // A server that has failed has no database to drop, and what it failed of is what the caller has to know.
    await dropDatabase(stack.steady, database, service).catch((problem: unknown) => {
      stack.progress.note(`The database ${database} stays: ${(problem as Error).message}`)
    })
    throw error
  }
}

/** What a database holds now, in the form that a set records it. */
export async function readContents(stack: Stack, database: string, service?: string): Promise<Contents> {
  const sql = await readFile(join(dockerFolder, 'backup', 'contents.sql'), 'utf8')
  const rows = await stack.query(sql, { database, ...(service !== undefined && { service }) })
  return parseContents(rows[0]![0]!)
}

/** Creates roles that the dump refers to and the server lacks. Roles that exist are never changed. */
async function createRoles(stack: Stack, set: string, service: string): Promise<void> {
  const globals = await readSetFile(stack, set, 'globals.sql')
  const rows = await stack.query('SELECT quote_ident(rolname) FROM pg_roles', {
    database: 'postgres',
    service,
  })
  const statements = missingRoleStatements(globals, new Set(rows.map(([name]) => name!)))
  if (statements.length === 0) return
  if (service === stack.primary) {
    stack.progress.note('creating roles that are missing; they have no password until you set one')
  }
  await stack.query(statements.join('\n'), { database: 'postgres', service })
}

async function createDatabase(
  stack: Stack,
  database: string,
  contents: Contents,
  service: string,
): Promise<void> {
  const { encoding, collate, ctype } = contents
  await stack.query(
    `CREATE DATABASE ${quoteIdentifier(database)} TEMPLATE template0 ENCODING ${quoteLiteral(encoding)} ` +
      `LC_COLLATE ${quoteLiteral(collate)} LC_CTYPE ${quoteLiteral(ctype)}`,
    { database: 'postgres', service },
  )
}

/** A database and its server. */
interface Target {
  readonly database: string
  readonly service: string
}

async function load(
  stack: Stack,
  set: string,
  { database, service }: Target,
  searchPath: string,
): Promise<void> {
  const command = superuserToolCommand(stack.superuser, 'pg_restore', [
    '--exit-on-error',
    `--jobs=${jobs}`,
    `--dbname=${database}`,
    patchedArchive,
  ])
  const result = await stack.exec(service, withPatchedArchive(setPath(set, 'database.dump'), command), {
    environment: searchPathEnvironment(searchPath),
  })
  requireTool(result, 'pg_restore')
}

/** Sets rights, settings and comment of the database itself, which an archive holds under the old name. */
async function setProperties(stack: Stack, set: string, from: string, target: Target): Promise<void> {
  const { database: to, service } = target
  const path = setPath(set, 'database.dump')
  const list = requireTool(
    await stack.exec(service, ['pg_restore', '--create', '--list', path]),
    'pg_restore',
  )
  const entries = list
    .split('\n')
    .filter((line) => / (DATABASE PROPERTIES|(ACL|COMMENT|SECURITY LABEL) - DATABASE) /.test(line))
  if (entries.length === 0) return
  const argv = ['pg_restore', '--create', '--use-list=/dev/stdin', '--file=-', path]
  const script = requireTool(
    await stack.exec(service, argv, { stdin: `${entries.join('\n')}\n` }),
    'pg_restore',
  )
  await stack.query(databaseStatements(script, quoteIdentifier(from), quoteIdentifier(to)), {
    database: 'postgres',
    service,
  })
}

/** Checks every page of every table and B-tree, and that each row is in its indexes. */
export async function checkStructure(stack: Stack, database: string, service = stack.primary): Promise<void> {
  const present = await stack.query("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'", {
    database,
    service,
  })
  const result = await runAsSuperuser(stack, service, 'pg_amcheck', [
    '--install-missing',
    '--heapallindexed',
    `--jobs=${jobs}`,
    `--database=${database}`,
  ])
  if (result.exitCode !== 0) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `pg_amcheck found damage in ${database}:\n${firstLines(`${result.stdout}${result.stderr}`)}`,
      'Restore another backup; the database in use was not touched.',
    )
  }
  if (present.length === 0) await stack.query('DROP EXTENSION amcheck', { database, service })
}

/** Ends its sessions first. No error if it is gone. */
export async function dropDatabase(stack: Stack, database: string, service = stack.primary): Promise<void> {
  await stack.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`, {
    database: 'postgres',
    service,
  })
}

function runAsSuperuser(
  stack: Stack,
  service: string,
  program: string,
  args: readonly string[],
): Promise<ExecResult> {
  return stack.exec(service, superuserToolCommand(stack.superuser, program, args))
}

function requireTool({ exitCode, stdout, stderr }: ExecResult, program: string): string {
  if (exitCode === 0) return stdout
  throw new SimdgresError(
    /No space left on device/.test(stderr) ? 'ERR_RESOURCE' : 'ERR_CHECK_FAILED',
    `${program} failed: ${firstLines(stderr)}`,
    'Nothing was changed; correct what the message says and run it again.',
  )
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 8).join('\n')
}
