import { listStackContainers } from '../../stack/down.js'
import { showLogs } from '../../stack/logs.js'
import { openStack } from '../../stack/open.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../options/option-table.js'
import { readInteger } from '../options/option-values.js'
import { readStackOptions } from '../options/stack-options.js'

const shownLines = 200

export async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const stack = await openStack(readStackOptions(options, signal))
  const all = await listStackContainers(stack.engine, stack.name)
  const names = positionals.length > 0 ? positionals : all.map(({ service }) => service).sort()
  await showLogs(stack, names, process.stdout, {
    lines: readInteger(options, 'lines', 0) ?? shownLines,
    follow: readFlag(options, 'follow'),
  })
}
