import type { PreparedArm } from '../measure/arm.js'
import { describeMachine } from '../measure/environment.js'
import { fingerprintOf } from '../result/fingerprint.js'
import type { GateMetric, GateResult } from '../result/gate-schema.js'
import { mean, variance } from '../stats/samples.js'
import { type ArmSpec, nameArm, type ResultBase } from './arm-spec.js'
import type { ResolvedArm } from './arms.js'
import type { MetricSamples, Policy, Verdict } from './decide.js'
import { countOf, type Evidence, nameObservation, pool } from './evidence.js'

/** A row of the result. */
export function describeMetric(verdict: Verdict, { stages, isControl = false }: MetricSamples): GateMetric {
  const { subject, metric, outcome, p, pAdjusted, reason } = verdict
  return {
    subject,
    metric,
    outcome,
    ...describeEffect(verdict, stages),
    ...(!Number.isNaN(p) && { p, pAdjusted }),
    observedBy: nameObservation(stages[0]),
    observations: stages.map((stage) => (stage === undefined ? 0 : countOf(stage))),
    evidence: stages.flatMap((stage) => (stage === undefined ? [] : [copy(stage)])),
    isControl,
    ...(reason !== undefined && { reason }),
  }
}

/** Times as a share of the base; of a recall, what the head has more, and both recalls. */
function describeEffect({ unit, effect, ci95: [low, high] }: Verdict, stages: MetricSamples['stages']) {
  // JSON has no infinity: one build has no interval.
  const isKnown = Number.isFinite(low) && Number.isFinite(high)
  if (unit === 'log-ratio') {
    return {
      unit: 'ratio' as const,
      change: Math.expm1(effect),
      ...(isKnown && { ci95: [Math.expm1(low), Math.expm1(high)] as [number, number] }),
      ...spreadOf(stages[0]),
    }
  }
  const both = pool(stages)
  return {
    unit: 'difference' as const,
    change: -effect,
    ...(isKnown && { ci95: [-high, -low] as [number, number] }),
    ...('by' in both && both.by === 'build' && { values: { base: mean(both.base), head: mean(both.head) } }),
    ...spreadOf(stages[0]),
  }
}

function copy(evidence: Evidence): GateMetric['evidence'][number] {
  if (!('by' in evidence)) return [...evidence]
  if (evidence.by === 'build pair') return { by: evidence.by, effects: [...evidence.effects] }
  return { ...evidence, base: [...evidence.base], head: [...evidence.head] }
}

/** Of the first stage; of separate builds, those of the base. */
function spreadOf(evidence: Evidence) {
  const values = !('by' in evidence) ? evidence : evidence.by === 'build' ? evidence.base : evidence.effects
  return values.length < 2 ? {} : { spread: Math.sqrt(variance(values)) }
}

/** The verdict of the run. */
export function conclude(
  metrics: readonly GateMetric[],
  checks: GateResult['checks'],
  verdicts: readonly Verdict[],
): Pick<GateResult, 'verdict' | 'reason'> {
  const has = (outcome: GateMetric['outcome']) => metrics.some((metric) => metric.outcome === outcome)
  if (checks.length > 0) {
    const [{ subject, check, base, head }] = checks as [GateResult['checks'][number]]
    return { verdict: 'regressed', reason: `${subject}: ${check} was ${base} and is ${head}.` }
  }
  if (has('regressed')) return { verdict: 'regressed' }
  if (has('inconclusive')) {
    const { subject, reason } = verdicts.find(({ outcome }) => outcome === 'inconclusive')!
    return { verdict: 'inconclusive', reason: `${subject}: ${reason}` }
  }
  return { verdict: has('improved') ? 'improved' : 'ok' }
}

export const armFacts = ({ label, commit }: ResolvedArm) => ({
  spec: label,
  ...(commit !== undefined && { commit }),
})

export function describeServer({ postgres, pgvector, extension }: PreparedArm['environment']) {
  return {
    ...(postgres !== undefined && { postgres }),
    ...(pgvector !== undefined && { pgvector }),
    ...(extension !== undefined && { extension }),
  }
}

/** What is known before anything is measured. */
export async function describeRun(
  {
    seed,
    base,
    head,
  }: { readonly seed: number; readonly base: ArmSpec | ResultBase; readonly head: ArmSpec },
  { effects, alpha, minBlocks, minBuilds }: Policy,
) {
  return {
    machine: { fingerprint: fingerprintOf(await describeMachine()) },
    seed,
    arms: { base: { spec: nameArm(base) }, head: { spec: nameArm(head) } },
    policy: {
      alpha,
      minBlocks,
      minBuilds,
      minimalChange: Math.expm1(effects['log-ratio'].minimal),
      detectableChange: Math.expm1(effects['log-ratio'].detectable),
      minimalRecallLoss: effects.share.minimal,
      detectableRecallLoss: effects.share.detectable,
    },
  }
}
