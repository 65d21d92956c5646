import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { readInteger } from '../options/option-values.js'
import { readStackOptions, stackExits, stackOptions } from './stack/options.js'

const defaultLines = 200

export const logs: Command = {
  name: 'logs',
  positionals: '[SERVICE...]',
  summary: 'show the logs of services',
  description: 'Shows the last lines of every service, or of those that are named.',
  examples: ['simdgres logs', 'simdgres logs postgres --follow'],
  options: [
    ...stackOptions,
    { name: 'follow', summary: 'go on showing new lines until Ctrl-C' },
    {
      name: 'lines',
      value: 'N',
      summary: 'how many of the last lines of each service to show',
      fallback: String(defaultLines),
    },
  ],
  exits: [[0, 'done'], ...stackExits],
  run,
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const { openStack, showLogs } = await import('../../stack/index.js')
  const stack = await openStack(readStackOptions(options, signal))
  await showLogs(stack, positionals, process.stdout, {
    lines: readInteger(options, 'lines', 0) ?? defaultLines,
    follow: readFlag(options, 'follow'),
  })
}
