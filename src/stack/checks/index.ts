/** Checks of the stack and of the machine, and what they find. */

export { examineHost } from './doctor.js'
export { type Finding, renderFindings, severityExitCodes, worstSeverity } from './finding.js'
export { checkStack } from './status.js'
