import { readSecondRepository } from '../../config/second-repository.js'
import { tryOffline } from '../sets/backup-script.js'
import { chooseSet, listPhysicalBackups, type Repository, repositoryOptions } from '../sets/backup-sets.js'
import { nothing, type Verdict, verifySets } from '../sets/verify-sets.js'
import type { Stack } from '../stack.js'
import { testRestore } from './restore-test.js'

export interface VerifyRequest {
  /** One logical set; by default all of them, and the repository of physical backups. */
  readonly set?: string
  /** Also restore the newest (or the named) logical set into a server that is removed afterwards. */
  readonly restoreTest: boolean
}

export interface VerifyResult extends Verdict {
  /** The set that was restored and compared with its record. */
  readonly restored?: string
}

/** Compares every file of the backups with its recorded checksum. Damage is a result, not an error. */
export async function verifyBackups(stack: Stack, request: VerifyRequest): Promise<VerifyResult> {
  const logical = await verifySets(stack, request.set)
  const repositories: readonly Repository[] =
    request.set !== undefined ? [] : readSecondRepository(stack.settings) === undefined ? [1] : [1, 2]
  const verdicts = [logical]
  for (const repository of repositories) verdicts.push(await verifyRepository(stack, repository))
  const result = {
    good: verdicts.flatMap(({ good }) => good),
    damaged: verdicts.flatMap(({ damaged }) => damaged),
    problems: verdicts.flatMap(({ problems }) => problems),
  }
  if (!request.restoreTest || result.damaged.length > 0) return result
  const set = await chooseSet(stack, request.set)
  await testRestore(stack, set)
  return { ...result, restored: set }
}

/** pgBackRest's own check: every file of every backup, every file of the log, and that none is missing. */
async function verifyRepository(stack: Stack, repository: Repository): Promise<Verdict> {
  const backups = await listPhysicalBackups(stack, repository)
  if (backups.length === 0) return nothing
  const { exitCode, stdout, stderr } = await tryOffline(stack, [
    'pgbackrest',
    '--stanza=simdgres',
    ...repositoryOptions(repository),
    '--output=text',
    'verify',
  ])
  const all = backups.map(({ name }) => name)
  const name = (names: readonly string[]): readonly string[] =>
    repository === 1 ? names : names.map((own) => `${own} (second repository)`)
  // Damage alone does not change the exit code.
  if (exitCode === 0 && !/status: error/.test(stdout)) return { ...nothing, good: name(all) }
  const report = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '')
  const damaged = all.filter((own) => report.some((line) => line.includes(own)))
  return {
    good: damaged.length === 0 ? [] : name(all.filter((own) => !damaged.includes(own))),
    damaged: name(damaged.length === 0 ? all : damaged),
    problems: report,
  }
}
