import { planMove } from '../../stack/move/replication.js'
import { switchOver } from '../../stack/move/switchover.js'
import type { CommandContext } from '../command.js'
import { dropOld, print, readLimits, withMoveStacks } from '../move.js'
import { readFlag } from '../options/option-table.js'

export function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  return withMoveStacks(options, signal, async (stacks, progress) => {
    if (readFlag(options, 'drop-old')) {
      await dropOld(stacks.stack, options)
    } else if (readFlag(options, 'dry-run')) {
      const { from, to } = await planMove(stacks.stack, 'switchover')
      print(options, { from, to }, [
        `copy ${from.name} (volume ${from.volume}) to ${to.name} (volume ${to.volume}) and let it follow`,
        `pause the pool, stop ${from.name}, promote ${to.name}, point the pool at it, resume`,
        `keep ${from.name} stopped, with its volume`,
      ])
    } else {
      const report = await switchOver(stacks, readLimits(options))
      progress.clear()
      print(options, report, [
        `${report.to} is the primary; clients waited ${Math.round(report.pauseMs)} ms at most for it`,
        `${report.from} is kept, stopped, in the volume ${report.keptVolume}: simdgres switchover --drop-old`,
      ])
    }
  })
}
