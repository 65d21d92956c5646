import type { GateResult } from '../../result/gate-schema.js'
import {
  describeComparison,
  describeMetric,
  describeRest,
  describeVerdict,
  metricColumns,
} from '../gate-lines.js'

/** The verdict last, where a terminal shows it. */
export function renderGate(result: GateResult): string {
  const rows = [metricColumns, ...result.metrics.map(describeMetric)]
  const widths = metricColumns.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const table = rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  '),
  )
  const rest = describeRest(result)
  return `${[
    ...describeComparison(result),
    '',
    ...(result.metrics.length > 0 ? [...table, ''] : []),
    ...(rest.length > 0 ? [...rest, ''] : []),
    describeVerdict(result),
  ].join('\n')}\n`
}
