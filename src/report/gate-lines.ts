import type { GateMetric, GateResult } from '../result/gate-schema.js'
import { formatCount, formatDuration } from '../result/numbers.js'
import { type Column, column } from './columns.js'

/** What a gate compared, and on which data: the first lines of every report of it. */
export function describeComparison({ arms, dataset, durationMs, policy }: GateResult): string[] {
  const describe = ({ spec, commit, postgres }: GateResult['arms']['base']) =>
    [
      spec,
      ...(commit === undefined ? [] : [`(${commit.slice(0, 12)})`]),
      ...(postgres === undefined ? [] : [`PostgreSQL ${postgres}`]),
    ].join(' ')
  return [
    `base ${describe(arms.base)}`,
    `head ${describe(arms.head)}`,
    ...(dataset === undefined
      ? []
      : [
          `${dataset.name}: ${formatCount(dataset.rows)} x ${dataset.dims}, ${dataset.metric}, k = ${dataset.k}`,
        ]),
    `${formatDuration(durationMs)}; a change counts from ${formatChange(policy.minimalChange)} on, at a family-wise error of ` +
      `${policy.alpha} in each of two stages`,
  ]
}

/** In words that a pull request shows first. */
export function describeVerdict({ verdict, reason }: GateResult): string {
  const meaning = {
    ok: 'OK: nothing has become slower or less accurate',
    improved: 'IMPROVED, and nothing has become slower or less accurate',
    regressed: 'REGRESSED',
    inconclusive: 'INCONCLUSIVE: this run can judge nothing',
    'not comparable': 'NOT COMPARABLE',
    'not judged': 'NOT JUDGED: a result of before informs, and never fails',
  }[verdict]
  return reason === undefined ? meaning : `${meaning}. ${reason}`
}

/** A row for each metric. */
export const gateColumns: readonly Column<GateMetric>[] = [
  column(
    'row',
    'left',
    ({ subject, metric, isControl }) => `${subject} ${metric}${isControl ? ' (control)' : ''}`,
  ),
  column('verdict', 'left', ({ outcome }) => outcome),
  column('change', 'right', formatEffect),
  column('95 % interval', 'right', ({ ci95, unit }) =>
    ci95 === undefined ? '–' : `${formatIn(unit, ci95[0])} to ${formatIn(unit, ci95[1])}`,
  ),
  column('observed', 'right', ({ observations, observedBy }) => `${observations.join(' + ')} ${observedBy}s`),
  column('adjusted p', 'right', ({ pAdjusted }) => pAdjusted?.toPrecision(2) ?? '–'),
]

/** What the table cannot say. */
export function describeRest({ checks, unpaired, metrics, warnings }: GateResult): string[] {
  return [
    ...checks.map(({ subject, check, base, head }) => `${subject}: ${check} was ${base} and is ${head}`),
    ...unpaired.map(({ subject, arm, reason }) => {
      const other = arm === 'base' ? 'head' : 'base'
      return `${subject} is in the ${arm} alone${reason === undefined ? '' : `; the ${other} says: ${reason}`}`
    }),
    ...metrics.flatMap(({ subject, metric, reason }) =>
      reason === undefined ? [] : [`${subject} ${metric}: ${reason}`],
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
}

/** Of a recall with what it was and is. */
function formatEffect({ unit, change, values }: GateMetric): string {
  const levels = values === undefined ? '' : ` (${values.base.toFixed(4)} to ${values.head.toFixed(4)})`
  return `${formatIn(unit, change)}${levels}`
}

/** Recalls in points, of which 1 is a hundred: a loss has a minus. */
function formatIn(unit: GateMetric['unit'], change: number): string {
  if (unit === 'ratio') return formatChange(change)
  return `${change >= 0 ? '+' : '−'}${Math.abs(change * 100).toFixed(2)} points`
}

/** Times: `+3.1 %` is slower. */
function formatChange(share: number): string {
  return `${share >= 0 ? '+' : '−'}${Math.abs(share * 100).toFixed(1)} %`
}
