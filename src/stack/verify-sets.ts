import { SimdgresError } from '../errors.js'
import { tryBackupScript } from './backup-script.js'
import { chooseSet, listLogicalSets } from './backup-sets.js'
import type { Stack } from './project.js'

export interface Verdict {
  readonly good: readonly string[]
  readonly damaged: readonly string[]
  /** What is wrong, file by file. */
  readonly problems: readonly string[]
}

export const nothing: Verdict = { good: [], damaged: [], problems: [] }

/** @param set all of them if left out. */
export async function verifySets(stack: Stack, set: string | undefined): Promise<Verdict> {
  const names =
    set === undefined ? (await listLogicalSets(stack)).map(({ name }) => name) : [await chooseSet(stack, set)]
  if (names.length === 0) return nothing
  const { stdout, stderr } = await tryBackupScript(stack, 'verify-sets.sh', names, { isOffline: true })
  const good = [...stdout.matchAll(/^good (.+)$/gm)].map((match) => match[1]!)
  const goodNames = new Set(good)
  return {
    good,
    // Also those that a script which ended early said nothing about.
    damaged: names.filter((name) => !goodNames.has(name)),
    problems: good.length === names.length ? [] : stderr.trim().split('\n'),
  }
}

/** @throws ERR_CORRUPT_DATA naming the files of the set that are not what was recorded. */
export async function requireUndamaged(stack: Stack, set: string): Promise<void> {
  const { damaged, problems } = await verifySets(stack, set)
  if (damaged.length === 0) return
  throw new SimdgresError(
    'ERR_CORRUPT_DATA',
    `The backup set ${set} is damaged:\n${problems.join('\n')}`,
    'Nothing was changed. Restore another one: simdgres backup --list.',
  )
}
