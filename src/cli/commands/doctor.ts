import { examineHost } from '../../stack/doctor.js'
import { renderFindings, severityExitCodes, worstSeverity } from '../../stack/finding.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../option-table.js'
import { readStackOptions } from '../stack-options.js'

export async function run({ arguments: { options }, signal, endWith }: CommandContext): Promise<void> {
  const findings = await examineHost(readStackOptions(options, signal))
  const severity = worstSeverity(findings)
  process.stdout.write(
    readFlag(options, 'json') ? `${JSON.stringify({ severity, findings })}\n` : renderFindings(findings),
  )
  endWith(severityExitCodes[severity])
}
