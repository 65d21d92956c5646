import { SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'
import type { Application, Migration } from './folder.js'
import { numberOf } from './folder.js'
import { runSqlFile } from './sql-file.js'

/** By name, the SHA-256 of each migration that the database has. */
export type AppliedMigrations = ReadonlyMap<string, string>

/** The application's files against what the database has. */
export interface MigrationReview {
  /** To be applied, in this order. */
  readonly pending: readonly Migration[]
  /** Applied, and changed since. */
  readonly changed: readonly Migration[]
  /** Not applied, with a number below one that is. */
  readonly late: readonly Migration[]
  /** Applied, and not in the folder: of another application, or renamed. */
  readonly unknown: readonly string[]
}

const makeTable = `SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS deployment;
CREATE TABLE IF NOT EXISTS deployment.migrations (
  name text PRIMARY KEY,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
`
const readTable = 'SELECT name, sha256 FROM deployment.migrations'

/** In psql's own words: a statement that names a table which may not be there is not even sent. */
const readTableIfThere = `SELECT to_regclass('deployment.migrations') IS NOT NULL AS is_there \\gset
\\if :is_there
${readTable};
\\endif
`

/** A file that ends its transaction by itself would be half there when a later statement fails. */
const selfEnding = 'the file ends its transaction by itself (COMMIT or ROLLBACK)'
const beginWatch = `SELECT set_config('simdgres.migration', pg_current_xact_id()::text, false)`
const endWatch = `DO $watch$ BEGIN
  IF current_setting('simdgres.migration', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
    RAISE EXCEPTION '${selfEnding}';
  END IF;
END $watch$`

/** A file may go on as another role, for which its tables then are. */
const becomeSuperuser = ['RESET SESSION AUTHORIZATION', 'RESET ROLE']

/** What the database has. Changes nothing. */
export async function readAppliedMigrations(stack: Stack): Promise<AppliedMigrations> {
  return asMap(await stack.query(readTableIfThere))
}

export function reviewMigrations(
  { migrations }: Pick<Application, 'migrations'>,
  applied: AppliedMigrations,
): MigrationReview {
  const own = new Set(migrations.map(({ name }) => name))
  const open = migrations.filter(({ name }) => !applied.has(name))
  const last = migrations.findLast(({ name }) => applied.has(name))
  const isLate = ({ name }: Migration): boolean => last !== undefined && numberOf(name) < numberOf(last.name)
  return {
    pending: open.filter((migration) => !isLate(migration)),
    changed: migrations.filter(({ name, sha256 }) => applied.has(name) && applied.get(name) !== sha256),
    late: open.filter(isLate),
    unknown: [...applied.keys()].filter((name) => !own.has(name)),
  }
}

/** @throws ERR_CHECK_FAILED naming the files that make the database something else than the folder says. */
export function requireApplicable({ changed, late }: MigrationReview): void {
  if (changed.length > 0) {
    const paths = changed.map(({ path }) => path).join(', ')
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `${paths} was changed after it was applied; nothing was applied now`,
      'Bring back what the file said, and put the change into a new file.',
    )
  }
  if (late.length > 0) {
    const paths = late.map(({ path }) => path).join(', ')
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `${paths} comes before a migration that is applied already; nothing was applied now`,
      'Give it a number after all others: on a new database it would otherwise run at another time than here.',
    )
  }
}

/**
 * Applies the migrations that the database does not have yet, each in a transaction of its own together with the note
 * that it was applied. Resolves to their names.
 * @throws ERR_CHECK_FAILED with file and line where one fails; those before it stay, nothing of it does.
 */
export async function applyMigrations(stack: Stack, application: Application): Promise<readonly string[]> {
  const review = reviewMigrations(application, asMap(await stack.query(makeTable + readTable)))
  requireApplicable(review)
  const names: string[] = []
  for (const migration of review.pending) {
    await applyMigration(stack, migration)
    stack.progress.note(`applied ${migration.path}`)
    names.push(migration.name)
  }
  return names
}

async function applyMigration(stack: Stack, migration: Migration): Promise<void> {
  try {
    const { warnings } = await runSqlFile(stack, migration, {
      before: ['LOCK TABLE deployment.migrations IN SHARE ROW EXCLUSIVE MODE', beginWatch],
      after: [...becomeSuperuser, endWatch, noteOf(migration)],
      hint: 'Nothing of it is in the database. Correct the file, then simdgres up.',
    })
    for (const warning of warnings) stack.progress.note(warning)
  } catch (error) {
    if (!(error instanceof SimdgresError) || !error.message.includes(selfEnding)) throw error
    throw new SimdgresError(
      error.code,
      error.message,
      'Remove that statement, and from the database what came before it; then simdgres up.',
      { cause: error },
    )
  }
}

/** The name has no character that would need quoting, the sum has digits alone. */
function noteOf({ name, sha256 }: Migration): string {
  return `INSERT INTO deployment.migrations (name, sha256) VALUES ('${name}', '${sha256}')`
}

function asMap(rows: readonly (readonly (string | null)[])[]): AppliedMigrations {
  return new Map(rows.map(([name, sha256]) => [name ?? '', sha256 ?? '']))
}
