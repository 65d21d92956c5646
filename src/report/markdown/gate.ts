import type { GateResult } from '../../result/gate-schema.js'
import { describeComparison, describeRest, describeVerdict, gateColumns } from '../gate-lines.js'
import { escapeText, renderList, renderTable } from './fragments.js'

/** For the comment of a pull request: verdict and what has changed, the rest folded. */
export function renderGateMarkdown(result: GateResult): string {
  const { metrics, informs = [] } = result
  const changed = metrics.filter(({ outcome }) => outcome !== 'ok')
  return `${[
    `**simdgres gate: ${escapeText(describeVerdict(result))}**`,
    ...(changed.length > 0 ? ['', ...renderTable(gateColumns, changed)] : []),
    ...(informs.length > 0 ? ['', ...renderList(informs)] : []),
    '',
    `<details><summary>${metrics.length} rows, arms and notes</summary>`,
    '',
    ...renderList(describeComparison(result)),
    ...(metrics.length > 0 ? ['', ...renderTable(gateColumns, metrics), ''] : []),
    ...renderList(describeRest(result)),
    '',
    '</details>',
  ].join('\n')}\n`
}
