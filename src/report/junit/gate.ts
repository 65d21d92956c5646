import type { GateMetric, GateResult } from '../../result/gate-schema.js'
import { gateColumns } from '../gate-lines.js'
import { renderSuite, renderSuites, type TestCase, type Trouble } from './suite.js'

/** A test suite with a case for each row and check. An inconclusive row counts as skipped. */
export function renderGateJunit({ metrics, checks, durationMs, verdict, reason }: GateResult): string {
  const cases: TestCase[] = [
    ...metrics.map((metric) => ({ name: `${metric.subject} ${metric.metric}`, trouble: judge(metric) })),
    ...checks.map(({ subject, check, base, head }) => ({
      name: `${subject} ${check}`,
      trouble: { tag: 'failure', text: `was ${base} and is ${head}` } as const,
    })),
    ...(verdict === 'not comparable' || verdict === 'not judged'
      ? [{ name: 'comparison', trouble: { tag: 'skipped', text: reason ?? verdict } as const }]
      : []),
  ]
  return renderSuites([renderSuite('simdgres gate', durationMs, cases)])
}

function judge(metric: GateMetric): Trouble | undefined {
  const text =
    metric.reason ??
    gateColumns
      .slice(1)
      .map((column) => column.cell(metric))
      .join(', ')
  if (metric.outcome === 'regressed') return { tag: 'failure', text }
  return metric.outcome === 'inconclusive' ? { tag: 'skipped', text } : undefined
}
