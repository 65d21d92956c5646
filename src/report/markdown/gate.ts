import type { GateMetric, GateResult } from '../../result/gate-schema.js'
import {
  describeComparison,
  describeMetric,
  describeRest,
  describeVerdict,
  metricColumns,
} from '../gate-lines.js'
import { escapeCell, escapeText } from './escape.js'

/** For the comment of a pull request: verdict and what has changed, the rest folded. */
export function renderGateMarkdown(result: GateResult): string {
  const changed = result.metrics.filter(({ outcome }) => outcome !== 'ok')
  const list = (items: readonly string[]) => items.map((item) => `- ${escapeText(item)}`)
  return `${[
    `**simdgres gate: ${escapeText(describeVerdict(result))}**`,
    ...(changed.length > 0 ? ['', ...renderTable(changed)] : []),
    '',
    `<details><summary>${result.metrics.length} rows, arms and notes</summary>`,
    '',
    ...list(describeComparison(result)),
    ...(result.metrics.length > 0 ? ['', ...renderTable(result.metrics), ''] : []),
    ...list(describeRest(result)),
    '',
    '</details>',
  ].join('\n')}\n`
}

function renderTable(metrics: readonly GateMetric[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`
  return [
    line(metricColumns),
    '|:--|:--|--:|--:|--:|',
    ...metrics.map((metric) => line(describeMetric(metric))),
  ]
}
