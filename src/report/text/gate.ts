import type { GateResult } from '../../result/gate-schema.js'
import { describeComparison, describeRest, describeVerdict, gateColumns } from '../gate-lines.js'
import { layOutTable } from './text-table.js'

/** The verdict last, where a terminal shows it. */
export function renderGate(result: GateResult): string {
  const { metrics, informs = [] } = result
  const rest = describeRest(result)
  return `${[
    ...describeComparison(result),
    '',
    ...(metrics.length > 0 ? [...layOutTable(gateColumns, metrics, Number.POSITIVE_INFINITY), ''] : []),
    ...(informs.length > 0 ? [...informs, ''] : []),
    ...(rest.length > 0 ? [...rest, ''] : []),
    describeVerdict(result),
  ].join('\n')}\n`
}
