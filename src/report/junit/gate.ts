import type { GateMetric, GateResult } from '../../result/gate-schema.js'
import { gateColumns } from '../gate-lines.js'

/** A test suite with a case for each row and check, as CI systems read it. An inconclusive row counts as skipped. */
export function renderGateJunit({ metrics, checks, durationMs, verdict, reason }: GateResult): string {
  const cases = [
    ...metrics.map((metric) => renderCase(`${metric.subject} ${metric.metric}`, judge(metric))),
    ...checks.map(({ subject, check, base, head }) =>
      renderCase(`${subject} ${check}`, { tag: 'failure', text: `was ${base} and is ${head}` }),
    ),
    ...(verdict === 'not comparable' || verdict === 'not judged'
      ? [renderCase('comparison', { tag: 'skipped', text: reason ?? verdict })]
      : []),
  ]
  const count = (tag: string) => cases.filter((text) => text.includes(`<${tag} `)).length
  const attributes = [
    `name="simdgres gate"`,
    `tests="${cases.length}"`,
    `failures="${count('failure')}"`,
    `skipped="${count('skipped')}"`,
    `time="${(durationMs / 1000).toFixed(3)}"`,
  ]
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites><testsuite ${attributes.join(' ')}>`,
    ...cases,
    '</testsuite></testsuites>',
  ].join('\n')}\n`
}

interface Trouble {
  readonly tag: 'failure' | 'skipped'
  readonly text: string
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

function renderCase(name: string, trouble: Trouble | undefined): string {
  const start = `<testcase classname="simdgres.gate" name="${escapeXml(name)}"`
  return trouble === undefined
    ? `${start}/>`
    : `${start}><${trouble.tag} message="${escapeXml(trouble.text)}"/></testcase>`
}

/** XML 1.0 allows no control characters, not even escaped. */
function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/\p{Cc}/gu, ' ').replace(/[&<>"]/g, (c) => entities[c]!)
}
