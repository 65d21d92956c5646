import { tryOffline } from '../sets/backup-script.js'
import { chooseSet, listPhysicalBackups } from '../sets/backup-sets.js'
import { nothing, type Verdict, verifySets } from '../sets/verify-sets.js'
import type { Stack } from '../stack.js'
import { testRestore } from './restore-test.js'

export interface VerifyRequest {
  /** One logical set; by default all of them, and the repository of physical backups. */
  readonly set?: string
  /** Also restore the newest (or the named) logical set into a database that is removed afterwards. */
  readonly restoreTest: boolean
}

export interface VerifyResult extends Verdict {
  /** The set that was restored and compared with its record. */
  readonly restored?: string
}

/** Compares every file of the backups with its recorded checksum. Damage is a result, not an error. */
export async function verifyBackups(stack: Stack, request: VerifyRequest): Promise<VerifyResult> {
  const logical = await verifySets(stack, request.set)
  const physical = request.set === undefined ? await verifyRepository(stack) : nothing
  const result = {
    good: [...logical.good, ...physical.good],
    damaged: [...logical.damaged, ...physical.damaged],
    problems: [...logical.problems, ...physical.problems],
  }
  if (!request.restoreTest || result.damaged.length > 0) return result
  const set = await chooseSet(stack, request.set)
  await testRestore(stack, set)
  return { ...result, restored: set }
}

/** pgBackRest's own check: every file of every backup, every file of the log, and that none is missing. */
async function verifyRepository(stack: Stack): Promise<Verdict> {
  const backups = await listPhysicalBackups(stack)
  if (backups.length === 0) return nothing
  const { exitCode, stdout, stderr } = await tryOffline(stack, [
    'pgbackrest',
    '--stanza=simdgres',
    '--output=text',
    'verify',
  ])
  const names = backups.map(({ name }) => name)
  // Damage alone does not change the exit code.
  if (exitCode === 0 && !/status: error/.test(stdout)) return { ...nothing, good: names }
  const report = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '')
  const damaged = names.filter((name) => report.some((line) => line.includes(name)))
  return {
    good: damaged.length === 0 ? [] : names.filter((name) => !damaged.includes(name)),
    damaged: damaged.length === 0 ? names : damaged,
    problems: report,
  }
}
