import { examineHost } from '../../stack/checks/doctor.js'
import { renderFindings, severityExitCodes, worstSeverity } from '../../stack/checks/finding.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../options/option-table.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({ arguments: { options }, signal, endWith }: CommandContext): Promise<void> {
  const findings = await examineHost(readStackOptions(options, signal))
  const severity = worstSeverity(findings)
  process.stdout.write(
    readFlag(options, 'json') ? `${JSON.stringify({ severity, findings })}\n` : renderFindings(findings),
  )
  endWith(severityExitCodes[severity])
}
