import { invalidArgument, SimdgresError } from '../../errors.js'
import type { restores } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'

export const verify: Command = {
  name: 'verify',
  positionals: '[SET]',
  summary: 'compare the backups with what was recorded when they were made',
  description:
    'Reads every file of every backup, or of one logical set, and compares it with its checksum. With ' +
    '--restore-test, restores a set into a server of its own, compares that, and removes both: the server in use does no work for it.',
  examples: ['simdgres verify', 'simdgres verify --restore-test'],
  options: [
    ...stackOptions,
    {
      name: 'restore-test',
      summary:
        'also restore the set (the newest one) into a server that is removed afterwards, and compare it',
    },
    jsonOption,
  ],
  exits: [[0, 'all backups are good'], ...stackExits, ['ERR_CORRUPT_DATA', 'a backup is damaged']],
  run,
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const [set, ...surplus] = positionals
  if (surplus.length > 0) throw invalidArgument('the set', 'one name, or none for all', surplus[0])
  const { openStack, restores } = await import('../../stack/index.js')
  const request = readStackOptions(options, signal)
  const stack = await openStack(request)
  const result = await restores
    .verifyBackups(stack, {
      ...(set !== undefined && { set }),
      restoreTest: readFlag(options, 'restore-test'),
    })
    .finally(() => request.progress.clear())
  process.stdout.write(readFlag(options, 'json') ? `${JSON.stringify(result)}\n` : describe(result))
  if (result.damaged.length > 0) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `Damaged: ${result.damaged.join(', ')}\n${result.problems.join('\n')}`,
      'Make a new backup now (simdgres backup), then check the disk of the volume.',
    )
  }
}

function describe({ good, damaged, restored }: restores.VerifyResult): string {
  const lines = [
    ...good.map((name) => `good     ${name}`),
    ...damaged.map((name) => `damaged  ${name}`),
    ...(restored === undefined ? [] : [`restored ${restored}: the same rows, sequences and extensions`]),
  ]
  return lines.length === 0 ? 'no backups\n' : `${lines.join('\n')}\n`
}
