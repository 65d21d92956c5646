import type { Interval } from '../stats/interval.js'
import { mean } from '../stats/samples.js'
import { signFlipP } from '../stats/sign-flip.js'
import {
  compareGroups,
  type MeanEstimate,
  meanEstimate,
  studentInterval,
  studentP,
} from '../stats/student-t.js'

/**
 * What one stage has observed of a metric. Numbers alone are effects of blocks. An approximate index is another one each
 * time it is built, and all blocks of a build share its luck: there the builds are the observations, however many
 * blocks or queries each of them had.
 */
export type Evidence = readonly number[] | BuildPairs | Builds

/** Effects of builds, one of the base against one of the head, that took turns. */
export interface BuildPairs {
  readonly by: 'build pair'
  readonly effects: readonly number[]
}

/** A share that was counted of each build: it needs no counterpart that shared the machine's state. */
export interface Builds {
  readonly by: 'build'
  readonly base: readonly number[]
  readonly head: readonly number[]
  /** The smallest difference that one build can show; builds that agree to the last digit may differ by less. */
  readonly resolution: number
}

/** Observations of an arm. */
export function countOf(evidence: Evidence): number {
  if (!('by' in evidence)) return evidence.length
  return evidence.by === 'build'
    ? Math.min(evidence.base.length, evidence.head.length)
    : evidence.effects.length
}

export function nameObservation(evidence: Evidence): 'block' | 'build' {
  return 'by' in evidence ? 'build' : 'block'
}

/** Fewer observations decide nothing. */
export function leastCount(
  evidence: Evidence,
  { minBlocks, minBuilds }: { readonly minBlocks: number; readonly minBuilds: number },
): number {
  return 'by' in evidence ? minBuilds : minBlocks
}

/** Positive is worse. */
export function effectOf(evidence: Evidence): number {
  if (!('by' in evidence)) return mean(evidence)
  return evidence.by === 'build' ? mean(evidence.base) - mean(evidence.head) : mean(evidence.effects)
}

/**
 * One-sided. Of blocks: exact. Three builds have too few orders for any exact test (2^-3, or 1 in 20), so those of builds
 * are Student's, which take the means of builds for normal.
 * @param sign 1 for what got worse, -1 for what got better.
 */
export function testEvidence(evidence: Evidence, sign: 1 | -1): number {
  if (!('by' in evidence)) return signFlipP(evidence.map((effect) => sign * effect))
  return studentP(estimateBuilds(evidence), sign)
}

/** The 95 % interval of the effect. */
export function intervalOf(evidence: Evidence): Interval {
  return studentInterval('by' in evidence ? estimateBuilds(evidence) : meanEstimate(evidence))
}

/** Both stages as one. */
export function pool([first, second]: readonly [Evidence, Evidence?]): Evidence {
  if (second === undefined) return first
  if (!('by' in first) && !('by' in second)) return [...first, ...second]
  if ('by' in first && 'by' in second) {
    if (first.by === 'build pair' && second.by === 'build pair') {
      return { by: first.by, effects: [...first.effects, ...second.effects] }
    }
    if (first.by === 'build' && second.by === 'build') {
      const base = [...first.base, ...second.base]
      return { ...first, base, head: [...first.head, ...second.head] }
    }
  }
  throw new RangeError('The stages of one metric are observed in one way')
}

/** Of a stage in which the metric could not be measured. */
export function nothingOf(evidence: Evidence): Evidence {
  if (!('by' in evidence)) return []
  return evidence.by === 'build' ? { ...evidence, base: [], head: [] } : { ...evidence, effects: [] }
}

function estimateBuilds(evidence: BuildPairs | Builds): MeanEstimate {
  if (evidence.by === 'build pair') return meanEstimate(evidence.effects)
  const { base, head, resolution } = evidence
  return compareGroups(base, head, resolution)
}
