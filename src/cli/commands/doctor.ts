import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { jsonOption, readStackOptions, stackOptions } from './stack/options.js'

export const doctor: Command = {
  name: 'doctor',
  positionals: '',
  summary: 'check whether this machine suits the stack, with the fix for what does not',
  description:
    'Looks at the engine, control groups, memory, kernel settings, disks, the port and the clock. Changes nothing.',
  examples: ['simdgres doctor', 'simdgres doctor --json'],
  options: [...stackOptions, jsonOption],
  exits: [
    [0, 'all is well'],
    [1, 'a warning'],
    [2, 'something is critical: the stack cannot run here as it is'],
    'ERR_INVALID_ARGUMENT',
    'ERR_RESOURCE',
    'ERR_ABORTED',
  ],
  run,
}

async function run({ arguments: { options }, signal, endWith }: CommandContext): Promise<void> {
  const { checks } = await import('../../stack/index.js')
  const { examineHost, renderFindings, severityExitCodes, worstSeverity } = checks
  const findings = await examineHost(readStackOptions(options, signal))
  const severity = worstSeverity(findings)
  process.stdout.write(
    readFlag(options, 'json') ? `${JSON.stringify({ severity, findings })}\n` : renderFindings(findings),
  )
  endWith(severityExitCodes[severity])
}
