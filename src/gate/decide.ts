import { adjustByHolm } from '../stats/holm.js'
import type { Interval } from '../stats/interval.js'
import {
  countOf,
  type Evidence,
  effectOf,
  intervalOf,
  leastCount,
  nameObservation,
  pool,
  testEvidence,
} from './evidence.js'

/** A change by this much of one metric is worth a red build, and by that much must not be overlooked. */
export interface Effect {
  /** Smaller changes are never a regression, however sure they are. */
  readonly minimal: number
  /** `ok` is said only where a change by this much is ruled out. */
  readonly detectable: number
}

export interface Policy {
  /** Probability of one false alarm among all metrics of a stage, if nothing has changed. */
  readonly alpha: number
  /** Fewer blocks in a stage decide nothing. With 16 the smallest p-value is 2^-16. */
  readonly minBlocks: number
  /** Fewer builds of an approximate index in each arm decide nothing about it. */
  readonly minBuilds: number
  readonly effects: Readonly<Record<MetricUnit, Effect>>
}

/**
 * `log-ratio`: log(head / base) of times or log(base / head) of throughputs. `share`: base - head of a recall. Either way
 * positive is worse.
 */
export type MetricUnit = 'log-ratio' | 'share'

/** What was observed of one metric of one lane, arm against arm. */
export interface MetricSamples {
  /** Path and settings, as a report names them. */
  readonly subject: string
  readonly metric: string
  readonly unit: MetricUnit
  /**
   * What each stage has observed: an effect for each block of paired measurements, or builds. The second stage, from
   * deployments of its own, only confirms what the first has flagged; it is missing as long as it has not been measured.
   */
  readonly stages: readonly [Evidence, Evidence?]
  /** Of a path that both arms share down to the last byte: it must not differ, or the run judges nothing. */
  readonly isControl?: boolean
}

export type Outcome = 'ok' | 'improved' | 'regressed' | 'inconclusive'

export interface Verdict {
  readonly subject: string
  readonly metric: string
  readonly unit: MetricUnit
  readonly outcome: Outcome
  /** Mean over all blocks or builds of both stages; positive is worse. */
  readonly effect: number
  /** Student's interval of the effect over blocks or builds. */
  readonly ci95: Interval
  /** One-sided, of the direction in which the effect points: that of the stage that decided. */
  readonly p: number
  readonly pAdjusted: number
  /** The first stage has flagged it and there is no second one yet: measure it before anybody is told. */
  readonly needsConfirmation: boolean
  /** Why it is inconclusive. */
  readonly reason?: string
}

/**
 * Half of 3 %: with a threshold at 3 % a change by exactly 3 % would be overlooked half of the time. Recall moves by less
 * than 0.25 points between two builds of one index only where it is high.
 */
export const defaultPolicy: Policy = {
  alpha: 0.01,
  minBlocks: 16,
  minBuilds: 3,
  effects: {
    'log-ratio': { minimal: Math.log(1.015), detectable: Math.log(1.05) },
    share: { minimal: 0.0025, detectable: 0.005 },
  },
}

/**
 * Judges all metrics of a gate run. Pure: the study replays recorded runs through it.
 *
 * A metric has regressed where a one-sided test over its blocks (an exact sign-flip test) or its builds (Student's),
 * adjusted by Holm for all metrics of the stage, is at most alpha and the estimate is at least the minimal effect, in the
 * first stage and again in the second. A control that differs makes the whole run inconclusive.
 */
export function decide(samples: readonly MetricSamples[], policy: Policy = defaultPolicy): Verdict[] {
  const directions = [judge(samples, policy, 1), judge(samples, policy, -1)] as const
  const troubled = samples.filter(
    ({ isControl }, i) => isControl && directions.some((judged) => judged[i]!.isFlagged),
  )
  const controlProblem =
    troubled.length === 0
      ? undefined
      : `The control ${troubled[0]!.subject} differs although both arms run the same code: the machine was not quiet, or the arms are not alike.`
  return samples.map((sample, i) => {
    const worse = directions[0][i]!
    const better = directions[1][i]!
    const towards = worse.isFlagged || (!better.isFlagged && worse.effect >= 0) ? worse : better
    const interval = intervalOf(pool(sample.stages))
    const reason = controlProblem ?? findDoubt(sample, interval, towards, policy)
    const verdict = {
      subject: sample.subject,
      metric: sample.metric,
      unit: sample.unit,
      effect: worse.effect,
      ci95: interval,
      p: towards.p,
      pAdjusted: towards.pAdjusted,
      needsConfirmation: reason === undefined && towards.isFlagged && sample.stages[1] === undefined,
    }
    if (reason !== undefined) return { ...verdict, outcome: 'inconclusive', reason }
    if (!towards.isConfirmed) return { ...verdict, outcome: 'ok' }
    return { ...verdict, outcome: towards === worse ? 'regressed' : 'improved' }
  })
}

/** What one direction's tests say of a metric. */
interface Judgement {
  readonly effect: number
  readonly p: number
  readonly pAdjusted: number
  /** The first stage says that it has changed. */
  readonly isFlagged: boolean
  /** The second stage, on its own, says so too. */
  readonly isConfirmed: boolean
}

/** @param sign 1 looks for what got worse, -1 for what got better. */
function judge(samples: readonly MetricSamples[], policy: Policy, sign: 1 | -1): Judgement[] {
  const first = testStage(samples, 0, policy, sign)
  const flagged = samples.filter((_, i) => first[i]!.isSignificant)
  const second = testStage(flagged, 1, policy, sign)
  return samples.map((sample, i) => {
    const confirmation = second[flagged.indexOf(sample)]
    const { p, pAdjusted } = confirmation && !Number.isNaN(confirmation.p) ? confirmation : first[i]!
    return {
      effect: effectOf(pool(sample.stages)),
      p,
      pAdjusted,
      isFlagged: first[i]!.isSignificant,
      isConfirmed: confirmation?.isSignificant ?? false,
    }
  })
}

interface StageTest {
  readonly p: number
  readonly pAdjusted: number
  readonly isSignificant: boolean
}

/** A stage that is missing or too short is never significant; its p is NaN. */
function testStage(
  samples: readonly MetricSamples[],
  stage: 0 | 1,
  policy: Policy,
  sign: 1 | -1,
): StageTest[] {
  const pValues = samples.map(({ stages }) => {
    const evidence = stages[stage]
    const isEnough = evidence !== undefined && countOf(evidence) >= leastCount(evidence, policy)
    return isEnough ? testEvidence(evidence, sign) : Number.NaN
  })
  // What was not measured is not a test: it makes no other one harder.
  const measured = pValues.flatMap((p, i) => (Number.isNaN(p) ? [] : [i]))
  const adjusted = adjustByHolm(measured.map((i) => pValues[i]!))
  return samples.map(({ unit, stages }, i) => {
    const pAdjusted = adjusted[measured.indexOf(i)] ?? Number.NaN
    const isSure = pAdjusted <= policy.alpha
    return {
      p: pValues[i]!,
      pAdjusted,
      isSignificant: isSure && sign * effectOf(stages[stage]!) >= policy.effects[unit].minimal,
    }
  })
}

/** Why neither `ok` nor a change can be said of the metric; undefined where one of them can. */
function findDoubt(
  { stages, unit }: MetricSamples,
  [low, high]: Interval,
  { isFlagged, isConfirmed }: Judgement,
  policy: Policy,
): string | undefined {
  const measured = stages.filter((stage) => stage !== undefined)
  const fewest = Math.min(...measured.map(countOf))
  const [least, what] = [leastCount(stages[0], policy), nameObservation(stages[0])]
  if (fewest < least) {
    const ofArm = what === 'build' ? ' of an arm' : ''
    return `${fewest} ${what}s${ofArm} were measured; a decision needs ${least}.`
  }
  if (isConfirmed || (isFlagged && stages[1] === undefined)) return undefined
  const { detectable } = policy.effects[unit]
  if (high < detectable && low > -detectable) return undefined
  return what === 'build'
    ? 'The builds differ too much: a change that matters can be neither shown nor ruled out. Build more often (--builds).'
    : 'Too noisy: a change that matters can be neither shown nor ruled out. Measure longer, or on a quieter machine.'
}
