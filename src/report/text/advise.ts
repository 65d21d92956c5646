import type { AdviceFinding, AdviceResult, AdvisedIndex } from '../../result/advice.js'
import { adviceColumns, describeAdvice, describeCure } from '../advise-columns.js'
import { layOutTable } from './text-table.js'

/** The report for a terminal or a pipe. */
export function renderAdvice(result: AdviceResult): string {
  const { findings, indexes, notes, unseen } = result
  const table = layOutTable<AdvisedIndex>(adviceColumns, indexes, Number.POSITIVE_INFINITY)
  return `${[
    describeAdvice(result),
    ...(indexes.length > 0 ? ['', ...table] : []),
    ...findings.flatMap((finding) => ['', ...renderFinding(finding)]),
    ...(notes.length + unseen.length > 0 ? [''] : []),
    ...notes.map((line) => `note: ${line}`),
    ...unseen.map((line) => `not seen: ${line}`),
  ].join('\n')}\n`
}

function renderFinding(finding: AdviceFinding): string[] {
  const { severity, code, where, what, expected, cure } = finding
  return [
    `${severity}: ${code}: ${where}`,
    `  ${what}.`,
    ...describeCure(cure).map((line) => `  ${line}`),
    `  expected: ${expected}`,
  ]
}
