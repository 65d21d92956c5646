import { SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'
import type { Application } from './folder.js'
import { runSqlFile } from './sql-file.js'

/** Whoever reads a table, a backup for one, keeps others from changing it, and writers wait behind them: not for long. */
const lockTimeout = '5s'

/** Runs the application's upkeep.sql; each row that it gives is a note to the user. */
export async function runUpkeep(stack: Stack, { upkeep }: Application): Promise<void> {
  if (!upkeep) return
  try {
    const { rows, warnings } = await runSqlFile(stack, upkeep, {
      parameters: { lock_timeout: lockTimeout },
      hint: 'Nothing of it is in the database. Correct the file, or what its message says, then simdgres up.',
    })
    for (const note of [...warnings, ...rows.map(([text]) => text ?? '')]) stack.progress.note(note)
  } catch (error) {
    if (!(error instanceof SimdgresError) || !error.message.includes('lock timeout')) throw error
    stack.progress.note(
      `${upkeep.path} was left out: a table of it is in use; the next simdgres up tries again`,
    )
  }
}
