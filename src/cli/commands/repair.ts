import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { dryRunOption, jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'
import { print } from './stack/print.js'

/** Ends a move that was interrupted. */
export const repair: Command = {
  name: 'repair',
  positionals: '',
  summary: 'undo or finish a switchover, an upgrade or a restore that was interrupted',
  description:
    'A move writes down each step before it does it. If its command was killed, or the machine went down, this one undoes ' +
    'it while the old server is the one in use, and finishes it after that: no commit is lost, and clients go on. ' +
    'simdgres up and the next move do the same before anything else. Where nothing was interrupted, it changes nothing.',
  examples: ['simdgres repair --dry-run', 'simdgres repair'],
  options: [...stackOptions, dryRunOption, jsonOption],
  exits: [[0, 'no move is half done'], ...stackExits],
  run,
}

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const { changeStack, openStack, repairs } = await import('../../stack/index.js')
  const request = readStackOptions(options, signal)
  try {
    if (readFlag(options, 'dry-run')) {
      const plan = await repairs.planRepair(await openStack({ ...request, readOnly: true }))
      print(options, plan, [plan.action === 'none' ? plan.text : `would ${plan.text}`])
      return
    }
    const plan = await changeStack(request, (stack) => repairs.repairMove(stack))
    request.progress.clear()
    print(options, plan, [plan.action === 'none' ? plan.text : `done: ${plan.text}`])
  } finally {
    request.progress.clear()
  }
}
