import { runOnTerminal } from '../../engine/terminal.js'
import { openStack } from '../../stack/open.js'
import { poolClientCommand } from '../../stack/pool/pool-client.js'
import { superuserClientCommand } from '../../stack/server/sql.js'
import type { CommandContext } from '../command.js'
import { readFlag, readText } from '../options/option-table.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({
  arguments: { options, positionals },
  signal,
  endWith,
}: CommandContext): Promise<void> {
  const stack = await openStack(readStackOptions(options, signal))
  const { environment } = stack.compose.services['postgres']!
  const user = environment['POSTGRES_USER'] || 'postgres'
  const database = readText(options, 'database') ?? (environment['POSTGRES_DB'] || user)
  const argv = readFlag(options, 'superuser')
    ? superuserClientCommand(user, database, positionals)
    : poolClientCommand(database, positionals)
  if (process.stdin.isTTY && process.stdout.isTTY) {
    const container = await stack.container(stack.primary)
    endWith(await runOnTerminal(container, argv, process.stdin, process.stdout))
    return
  }
  const { exitCode, stderr, stdout } = await stack.exec(stack.primary, argv, {
    // A terminal would be waited for.
    ...(!process.stdin.isTTY && { stdin: process.stdin }),
  })
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  endWith(exitCode)
}
