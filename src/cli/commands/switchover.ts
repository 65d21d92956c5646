import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { dropOld, moveOptions, readLimits, withMovingStack } from './stack/move.js'
import { dryRunOption, jsonOption, stackExits, stackOptions, yesOption } from './stack/options.js'
import { print } from './stack/print.js'

export const switchover: Command = {
  name: 'switchover',
  positionals: '',
  summary: 'move to a server with the present image and settings, without a failed transaction',
  description:
    'Does what up would do by restarting the database after a change of .env or an update, but without the outage: a ' +
    'standby is made, and promoted while PgBouncer holds its clients back, for about a second. The old server is ' +
    'stopped first and kept with its volume until --drop-old. Until clients go on, any failure brings it back. Services ' +
    'beside the pool, redis too, are made anew where their images or settings have changed.',
  examples: [
    'simdgres switchover --dry-run',
    'simdgres switchover',
    'simdgres switchover --rebuild',
    'simdgres switchover --drop-old --yes',
  ],
  options: [
    ...moveOptions,
    {
      name: 'rebuild',
      summary: 'first build all images with the packages of today: security updates and minor versions',
    },
    yesOption,
    ...stackOptions,
    dryRunOption,
    jsonOption,
  ],
  exits: [
    [0, 'the new server serves'],
    ...stackExits,
    ['ERR_CHECK_FAILED', 'a server did not do as it should; the message says which one serves'],
  ],
  run,
}

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const { moves } = await import('../../stack/index.js')
  const rebuild = readFlag(options, 'rebuild')
  return withMovingStack(options, signal, async (stack, progress) => {
    if (readFlag(options, 'drop-old')) {
      await dropOld(stack, options)
    } else if (readFlag(options, 'dry-run')) {
      const { from, to } = await moves.planMove(stack, 'switchover')
      print(options, { from, to }, [
        ...(rebuild
          ? [
              'build all images with the packages of today; redis gets its own too, which ends its connections',
            ]
          : []),
        `copy ${from.name} (volume ${from.volume}) to ${to.name} (volume ${to.volume}) and let it follow`,
        `pause the pool, stop ${from.name}, promote ${to.name}, point the pool at it, resume`,
        `keep ${from.name} stopped, with its volume`,
      ])
    } else {
      const report = await moves.switchOver(stack, { ...readLimits(options), rebuild })
      progress.clear()
      print(options, report, [
        `${report.to} is the primary; clients waited ${Math.round(report.pauseMs)} ms at most for it`,
        `${report.from} is kept, stopped, in the volume ${report.keptVolume}: simdgres switchover --drop-old`,
        ...(rebuild
          ? [
              'pgbouncer has its new image after simdgres up, which ends connections of clients',
              'other services that run have theirs; redis ended the connections of its clients for it',
            ]
          : []),
      ])
    }
  })
}
