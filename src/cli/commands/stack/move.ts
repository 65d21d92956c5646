import { SimdgresError } from '../../../errors.js'
import type { moves, Stack } from '../../../stack/index.js'
import { type OptionRow, type OptionValues, readFlag } from '../../options/option-table.js'
import { readPositive } from '../../options/option-values.js'
import { readStackOptions } from './options.js'
import { pauseOptions, readPause } from './pause.js'
import { print } from './print.js'

/** Options that `switchover` and `upgrade` share: how long clients may wait, and how a move is concluded. */
export const moveOptions: readonly OptionRow[] = [
  ...pauseOptions(10),
  {
    name: 'sync-limit',
    value: 'SECONDS',
    summary: 'longest wait for the new server to catch up after the copy; in an upgrade, without progress',
    fallback: '600',
  },
  { name: 'drop-old', summary: 'remove the server before the last move, with its data' },
]

/**
 * Opens the stack for `work` once no other command is changing it and a move that was interrupted is ended, or at once if
 * nothing will be changed.
 */
export async function withMovingStack(
  options: OptionValues,
  signal: AbortSignal,
  work: (stack: Stack, progress: { clear(): void }) => Promise<void>,
): Promise<void> {
  const { changeStack, openStack, repairs } = await import('../../../stack/index.js')
  const request = readStackOptions(options, signal)
  const run = (stack: Stack): Promise<void> => work(stack, request.progress)
  const change = async (stack: Stack): Promise<void> => {
    await repairs.prepareMove(stack)
    await run(stack)
  }
  try {
    if (readFlag(options, 'dry-run')) await run(await openStack({ ...request, readOnly: true }))
    else await changeStack(request, change)
  } finally {
    request.progress.clear()
  }
}

export function readLimits(options: OptionValues): moves.SwitchoverOptions {
  return {
    ...readPause(options, 10),
    syncLimitMs: (readPositive(options, 'sync-limit') ?? 600) * 1000,
  }
}

/** The same for both commands, whichever of them moved the stack last. */
export async function dropOld(stack: Stack, options: OptionValues): Promise<void> {
  const { moves } = await import('../../../stack/index.js')
  const previous = moves.findPrevious(stack)
  if (previous && !(readFlag(options, 'dry-run') || readFlag(options, 'yes'))) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `This removes ${previous.name} with all data in the volume ${previous.volume}`,
      'Add --yes when nothing in it is needed any more.',
    )
  }
  if (readFlag(options, 'dry-run')) {
    const actions = previous ? [`remove ${previous.name} and the volume ${previous.volume}`] : []
    print(options, { ...previous }, actions.length > 0 ? actions : ['nothing is kept'])
    return
  }
  const dropped = await moves.dropOldServer(stack)
  print(options, dropped, [`removed ${dropped.name} and the volume ${dropped.volume}`])
}
