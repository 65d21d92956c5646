import { invalidArgument, SimdgresError } from '../../errors.js'
import { openStack } from '../../stack/open.js'
import { type VerifyResult, verifyBackups } from '../../stack/verify.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../options/option-table.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const [set, ...surplus] = positionals
  if (surplus.length > 0) throw invalidArgument('the set', 'one name, or none for all', surplus[0])
  const request = readStackOptions(options, signal)
  const stack = await openStack(request)
  const result = await verifyBackups(stack, {
    ...(set !== undefined && { set }),
    restoreTest: readFlag(options, 'restore-test'),
  }).finally(() => request.progress.clear())
  process.stdout.write(readFlag(options, 'json') ? `${JSON.stringify(result)}\n` : describe(result))
  if (result.damaged.length > 0) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `Damaged: ${result.damaged.join(', ')}\n${result.problems.join('\n')}`,
      'Make a new backup now (simdgres backup), then check the disk of the volume.',
    )
  }
}

function describe({ good, damaged, restored }: VerifyResult): string {
  const lines = [
    ...good.map((name) => `good     ${name}`),
    ...damaged.map((name) => `damaged  ${name}`),
    ...(restored === undefined ? [] : [`restored ${restored}: the same rows, sequences and extensions`]),
  ]
  return lines.length === 0 ? 'no backups\n' : `${lines.join('\n')}\n`
}
