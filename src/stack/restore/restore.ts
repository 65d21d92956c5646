import { invalidArgument, SimdgresError } from '../../errors.js'
import type { ExchangeOptions } from '../move/exchange.js'
import { chooseSet } from '../sets/backup-sets.js'
import { requireUndamaged } from '../sets/verify-sets.js'
import type { Stack } from '../stack.js'
import type { ContentsComparison } from './comparison.js'
import { dropDatabase, restoreIntoDatabase } from './database.js'
import { timeStamp } from './names.js'
import { keepReady, listKeptDatabases, swapDatabases } from './swap.js'

export interface RestoreRequest {
  /** The newest logical set if left out. */
  readonly set?: string
  /** A new database to restore into. The application's then stays as it is. */
  readonly into?: string
  /** How the swap waits for clients. */
  readonly pause?: ExchangeOptions
}

export interface RestoreResult extends ContentsComparison {
  readonly set: string
  readonly database: string
  /** Name of the database that was in its place. */
  readonly kept?: string
  readonly durationMs: number
}

/**
 * Restores a logical set into a new database, verifies it, and puts it in the place of the application's in one step.
 * The old one is kept. Nothing that is in use is changed before the restored one is verified.
 */
export async function restoreSet(stack: Stack, request: RestoreRequest): Promise<RestoreResult> {
  const startedAtMs = performance.now()
  const set = await chooseSet(stack, request.set)
  await requireUndamaged(stack, set)
  const name = stack.database
  const target = request.into ?? `${name}_restored_${timeStamp()}`
  if (request.into !== undefined) await requireNewDatabase(stack, request.into)
  const { comparison } = await restoreIntoDatabase(stack, set, target)
  const result = { set, ...comparison }
  if (request.into !== undefined) {
    return { ...result, database: target, durationMs: Math.round(performance.now() - startedAtMs) }
  }
  const kept = await swapOrKeep(stack, name, target, request.pause)
  return { ...result, database: name, kept, durationMs: Math.round(performance.now() - startedAtMs) }
}

/** Puts a database that an earlier restore has verified in its place. @throws ERR_UNAVAILABLE where there is none. */
export async function resumeDatabase(
  stack: Stack,
  restored: string,
  pause?: ExchangeOptions,
): Promise<{ readonly database: string; readonly kept: string }> {
  const kept = await swapDatabases(stack, stack.database, restored, pause)
  return { database: stack.database, kept }
}

/** What took hours to restore and is verified stays, unless it was Ctrl-C that ended the swap. */
async function swapOrKeep(
  stack: Stack,
  name: string,
  restored: string,
  pause: ExchangeOptions | undefined,
): Promise<string> {
  stack.progress.note(`putting the restored database in the place of ${name}`)
  try {
    return await swapDatabases(stack, name, restored, pause)
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    if (error.code === 'ERR_ABORTED') {
      await dropDatabase(stack.steady, restored)
      throw error
    }
    const ready = await keepReady(stack.steady, restored)
    if (ready === undefined) throw error
    throw new SimdgresError(
      error.code,
      `${error.message} The restored database is verified, and kept as ${ready}.`,
      'To put it in its place: simdgres restore --resume --yes. --pause-limit waits longer, --force ends what is waited for.',
      { cause: error },
    )
  }
}

async function requireNewDatabase(stack: Stack, name: string): Promise<void> {
  const rows = await stack.query('SELECT datname FROM pg_database', { database: 'postgres' })
  if (rows.some(([found]) => found === name)) {
    throw invalidArgument('--into', 'the name of a database that does not exist yet', name)
  }
}

/** Removes databases that earlier restores kept or left behind. Resolves to their names. */
export async function dropKeptDatabases(stack: Stack): Promise<readonly string[]> {
  const kept = await listKeptDatabases(stack)
  for (const name of kept) await dropDatabase(stack, name)
  return kept
}
