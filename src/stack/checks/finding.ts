/** What a check found. */
export type Severity = 'ok' | 'warning' | 'critical'

export interface Finding {
  /** What was looked at: `disk data`, `certificate postgres`. */
  readonly check: string
  readonly severity: Severity
  /** With the measured value and its unit. */
  readonly message: string
  /** The next step, for what is not ok. */
  readonly hint?: string
}

/** The exit codes of monitoring plugins: ok, warning, critical. If no engine answers, it is 3: unknown. */
export const severityExitCodes: Readonly<Record<Severity, number>> = { ok: 0, warning: 1, critical: 2 }

export function worstSeverity(findings: readonly Finding[]): Severity {
  if (findings.some(({ severity }) => severity === 'critical')) return 'critical'
  return findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok'
}

export function ok(check: string, message: string): Finding {
  return { check, severity: 'ok', message }
}

export function warning(check: string, message: string, hint: string): Finding {
  return { check, severity: 'warning', message, hint }
}

export function critical(check: string, message: string, hint: string): Finding {
  return { check, severity: 'critical', message, hint }
}

/** One line for each, with the next step below it. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length))
  return findings
    .map(({ check, severity, message, hint }) => {
      const line = `${severity.padEnd(8)}  ${check.padEnd(width)}  ${message}\n`
      return hint === undefined ? line : `${line}${' '.repeat(width + 12)}next: ${hint}\n`
    })
    .join('')
}
