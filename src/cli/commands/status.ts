import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'

export const status: Command = {
  name: 'status',
  positionals: '',
  summary: 'say whether the stack does its work, and what will stop it from doing so',
  description:
    'Asks through the pool, and looks at services, disks, backups, the log archive, replication, cache, checksums ' +
    'and certificates. The exit codes are those that monitoring tools know.',
  examples: ['simdgres status', 'simdgres status --json'],
  options: [...stackOptions, jsonOption],
  exits: [
    [0, 'all is well'],
    [1, 'a warning'],
    [2, 'something is critical'],
    ...stackExits,
    ['ERR_UNAVAILABLE', 'unknown: no engine answers, or there is no stack'],
  ],
  run,
}

async function run({ arguments: { options }, signal, endWith }: CommandContext): Promise<void> {
  const { checks, openStack } = await import('../../stack/index.js')
  const { checkStack, renderFindings, severityExitCodes, worstSeverity } = checks
  const stack = await openStack(readStackOptions(options, signal))
  const findings = await checkStack(stack)
  const severity = worstSeverity(findings)
  process.stdout.write(
    readFlag(options, 'json')
      ? `${JSON.stringify({ project: stack.name, severity, findings })}\n`
      : renderFindings(findings),
  )
  endWith(severityExitCodes[severity])
}
