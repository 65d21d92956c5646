import { SimdgresError } from '../../errors.js'
import { type Application, readApplication } from '../application/folder.js'
import { readAppliedMigrations, reviewMigrations } from '../application/migrations.js'
import { runSqlFile } from '../application/sql-file.js'
import type { Stack } from '../stack.js'
import { type Finding, ok, type Severity, warning } from './finding.js'

const severities: readonly Severity[] = ['ok', 'warning', 'critical']

/** Who asks for the state of a stack wants an answer, also from an application's question that is expensive. */
const checkParameters = { default_transaction_read_only: 'on', statement_timeout: '10s' }

/** Whether the database has the application's migrations, and what the application itself asks of it. */
export async function checkApplication(stack: Stack): Promise<Finding[]> {
  const application = await readOrExplain(stack)
  if (application === undefined) return []
  if ('severity' in application) return [application]
  return [await checkMigrations(stack, application), ...(await askApplication(stack, application))]
}

/** A folder that is away keeps nobody from the database as it is. */
async function readOrExplain(stack: Stack): Promise<Application | Finding | undefined> {
  try {
    return await readApplication(stack.settings, stack.folder)
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code === 'ERR_ABORTED') throw error
    return warning('migrations', error.message, error.hint)
  }
}

async function checkMigrations(stack: Stack, application: Application): Promise<Finding> {
  const check = 'migrations'
  const { pending, changed, late, unknown } = reviewMigrations(
    application,
    await readAppliedMigrations(stack),
  )
  const list = (files: readonly { readonly name: string }[]): string =>
    files.map(({ name }) => name).join(', ')
  if (changed.length > 0) {
    const message = `${list(changed)} in ${application.folder}: changed after being applied`
    return warning(check, message, 'bring back what the file said, and put the change into a new file')
  }
  if (late.length > 0) {
    const message = `${list(late)} in ${application.folder}: before one that is applied already`
    return warning(check, message, 'give it a number after all others')
  }
  if (pending.length > 0) return warning(check, `not applied: ${list(pending)}`, 'simdgres up applies them')
  const others = unknown.length > 0 ? `; not in the folder: ${unknown.join(', ')}` : ''
  return ok(check, `all ${application.migrations.length} of ${application.folder} are applied${others}`)
}

async function askApplication(stack: Stack, { check }: Application): Promise<Finding[]> {
  if (!check) return []
  try {
    const hint = 'correct the file, or what its message says'
    const { rows } = await runSqlFile(stack, check, { parameters: checkParameters, hint })
    return rows.map((row) => readFinding(check.path, row))
  } catch (error) {
    // A server that does not answer is not the application's fault.
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_CHECK_FAILED') throw error
    return [warning('check.sql', error.message, error.hint)]
  }
}

/** A row is (check, severity, message, hint). */
function readFinding(path: string, row: readonly (string | null)[]): Finding {
  const [check, given, message, hint] = row
  const severity = severities.find((name) => name === given)
  if (row.length !== 4 || !check || severity === undefined || !message) {
    return warning(
      'check.sql',
      `${path} gave a row that is no finding: ${row.join(', ')}`,
      `give four columns: check, severity (${severities.join(', ')}), message, hint`,
    )
  }
  return { check, severity, message, ...(hint && { hint }) }
}
