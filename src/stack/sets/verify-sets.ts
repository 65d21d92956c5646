import { errorCodes, SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'
import { requireExitZero, tryBackupScript } from './backup-script.js'
import { chooseSet } from './backup-sets.js'

export interface Verdict {
  readonly good: readonly string[]
  readonly damaged: readonly string[]
  /** What is wrong, file by file. */
  readonly problems: readonly string[]
}

export const nothing: Verdict = { good: [], damaged: [], problems: [] }

/**
 * @param set all sets if left out.
 * @throws ERR_RESOURCE where another run is under way.
 */
export async function verifySets(stack: Stack, set: string | undefined): Promise<Verdict> {
  const names = set === undefined ? [] : [await chooseSet(stack, set)]
  const result = await tryBackupScript(stack, 'verify-sets.sh', names, { isOffline: true })
  if (result.exitCode !== errorCodes.ERR_CORRUPT_DATA) requireExitZero(result, 'verify-sets.sh')
  const read = (verdict: string): string[] =>
    [...result.stdout.matchAll(new RegExp(`^${verdict} (.+)$`, 'gm'))].map(([, name]) => name!)
  const damaged = read('damaged')
  return {
    good: read('good'),
    damaged,
    problems: damaged.length === 0 ? [] : result.stderr.trim().split('\n'),
  }
}

/** @throws ERR_CORRUPT_DATA naming the files of the set that differ from what was recorded. */
export async function requireUndamaged(stack: Stack, set: string): Promise<void> {
  const { damaged, problems } = await verifySets(stack, set)
  if (damaged.length === 0) return
  throw new SimdgresError(
    'ERR_CORRUPT_DATA',
    `The backup set ${set} is damaged:\n${problems.join('\n')}`,
    'Nothing was changed. Restore another one: simdgres backup --list.',
  )
}
