import { SimdgresError } from '../errors.js'
import { findPrevious } from '../stack/move/replication.js'
import type { MoveStacks, SwitchoverOptions } from '../stack/move/switchover.js'
import { openStack } from '../stack/open.js'
import type { Stack } from '../stack/project.js'
import { withStackLock } from '../stack/stack-lock.js'
import { dropOldServer } from '../stack/upgrade/rollback.js'
import { type OptionValues, readFlag } from './options/option-table.js'
import { readPositive } from './options/option-values.js'
import { readStackOptions } from './options/stack-options.js'

/** What `switchover` and `upgrade` have in common. */

/** Opens the stack for `work` once no other command changes it, and at once where nothing is to be changed. */
export async function withMoveStacks(
  options: OptionValues,
  signal: AbortSignal,
  work: (stacks: MoveStacks, progress: { clear(): void }) => Promise<void>,
): Promise<void> {
  const request = readStackOptions(options, signal)
  const run = async (): Promise<void> => {
    const stack = await openStack(request)
    const steady = await openStack({ ...request, signal: new AbortController().signal })
    await work({ stack, steady }, request.progress)
  }
  try {
    await (readFlag(options, 'dry-run') ? run() : withStackLock(request, run))
  } finally {
    request.progress.clear()
  }
}

export function readLimits(options: OptionValues): SwitchoverOptions {
  return {
    pauseLimitMs: (readPositive(options, 'pause-limit') ?? 10) * 1000,
    syncLimitMs: (readPositive(options, 'sync-limit') ?? 600) * 1000,
  }
}

/** The same for both: whichever command has moved the stack last. */
export async function dropOld(stack: Stack, options: OptionValues): Promise<void> {
  const previous = findPrevious(stack)
  if (previous && !readFlag(options, 'dry-run') && !readFlag(options, 'yes')) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `This removes ${previous.name} with all data in the volume ${previous.volume}`,
      'Add --yes when nothing in it is needed any more.',
    )
  }
  const dropped = previous && readFlag(options, 'dry-run') ? previous : await dropOldServer(stack)
  print(options, dropped, [`remove ${dropped.name} and the volume ${dropped.volume}`])
}

export function print(options: OptionValues, result: object, lines: readonly string[]): void {
  process.stdout.write(readFlag(options, 'json') ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`)
}
