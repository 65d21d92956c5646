import { renderFindings, severityExitCodes, worstSeverity } from '../../stack/checks/finding.js'
import { checkStack } from '../../stack/checks/status.js'
import { openStack } from '../../stack/open.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../options/option-table.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({ arguments: { options }, signal, endWith }: CommandContext): Promise<void> {
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
