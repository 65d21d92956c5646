import type { Interval } from './interval.js'
import { percentile, sortSamples } from './samples.js'
import { normalQuantile, studentQuantile } from './student-t.js'

/** A seeded source of uniform integers in [0, limit). */
export interface RandomSource {
  below(limit: number): number
}

/**
 * Samples that were taken together (one round of a run). Whole groups are drawn, because samples of one round
 * share the state of the machine: drawing them one by one would give intervals that are too narrow. With
 * groups of one sample this is the ordinary bootstrap.
 */
export type Groups = readonly ArrayLike<number>[]

/** Enough for stable 95 % limits (Efron and Tibshirani advise 1,000 to 2,000 for percentile intervals). */
const resamples = 2000

/** Percentile-bootstrap interval of the mean over all samples, which are positive. */
export function bootstrapMean(groups: Groups, random: RandomSource): Interval {
  const filled = groups.filter((group) => group.length > 0)
  const sums = filled.map((group) => sumOf(group))
  const estimates = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    let count = 0
    for (let draw = 0; draw < filled.length; draw++) {
      const i = random.below(filled.length)
      sum += sums[i]!
      count += filled[i]!.length
    }
    return sum / count
  })
  const all = filled.reduce((sum, group) => sum + group.length, 0)
  return widen(centralInterval(estimates), sumOf(sums) / all, filled.length)
}

/**
 * Percentile-bootstrap intervals of percentiles `ps` (0 to 100, ascending) over all samples, which are positive. They
 * are sorted once; a resample is a weight per group, and one walk over the sorted samples reads off every
 * percentile, so the cost is `resamples * samples` steps.
 */
export function bootstrapPercentiles(
  groups: Groups,
  ps: readonly number[],
  random: RandomSource,
): Interval[] {
  const filled = groups.filter((group) => group.length > 0)
  const labelled = labelSorted(filled)
  const draws = ps.map(() => new Float64Array(resamples))
  const weights = new Uint32Array(filled.length)
  for (let resample = 0; resample < resamples; resample++) {
    weights.fill(0)
    let total = 0
    for (let draw = 0; draw < filled.length; draw++) {
      const i = random.below(filled.length)
      weights[i] = weights[i]! + 1
      total += filled[i]!.length
    }
    readPercentiles(labelled, weights, total, ps, (index, value) => {
      draws[index]![resample] = value
    })
  }
  const estimates = ps.map(() => Number.NaN)
  readPercentiles(labelled, weights.fill(1), labelled.values.length, ps, (index, value) => {
    estimates[index] = value
  })
  return draws.map((drawn, index) => widen(centralInterval(drawn), estimates[index]!, filled.length))
}

interface Labelled {
  readonly values: Float64Array
  /** Group of each value. */
  readonly groups: Uint32Array
}

function labelSorted(groups: Groups): Labelled {
  const pairs = groups.flatMap((group, label) => Array.from(group, (value) => ({ value, label })))
  pairs.sort((a, b) => a.value - b.value)
  return {
    values: Float64Array.from(pairs, (pair) => pair.value),
    groups: Uint32Array.from(pairs, (pair) => pair.label),
  }
}

/** Nearest-rank percentiles, each sample counted as many times as its group's weight. */
function readPercentiles(
  { values, groups }: Labelled,
  weights: Uint32Array,
  total: number,
  ps: readonly number[],
  emit: (index: number, value: number) => void,
): void {
  let next = 0
  let seen = 0
  for (let i = 0; i < values.length && next < ps.length; i++) {
    seen += weights[groups[i]!]!
    while (next < ps.length && seen > 0 && seen >= (ps[next]! / 100) * total) {
      emit(next, values[i]!)
      next++
    }
  }
}

/**
 * With few groups the percentile bootstrap is too narrow, like a normal interval that takes the spread of the sample
 * for the true one (10 groups: it covers 90 %, not 95 %). Hesterberg's correction, "What teachers should know about the
 * bootstrap" (2015): wider by t(n-1)/z and sqrt(n/(n-1)). As factors, so that positive limits stay positive.
 */
function widen([low, high]: Interval, estimate: number, groups: number): Interval {
  if (groups < 2) return [low, high]
  const factor = (studentQuantile(groups - 1) / normalQuantile) * Math.sqrt(groups / (groups - 1))
  return [estimate * (low / estimate) ** factor, estimate * (high / estimate) ** factor]
}

function centralInterval(estimates: Float64Array): Interval {
  const ordered = sortSamples(estimates)
  return [percentile(ordered, 2.5), percentile(ordered, 97.5)]
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum
}
