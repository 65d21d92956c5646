import { percentile, sortSamples } from './samples.js'

/** A seeded source of uniform integers in [0, limit). */
export interface RandomSource {
  below(limit: number): number
}

/** [low, high] of an estimate at 95 % confidence. */
export type Interval = [low: number, high: number]

/**
 * Samples that were taken together (one round of a run). Whole groups are drawn, because samples of one round
 * share the state of the machine: drawing them one by one would give intervals that are too narrow. Groups of
 * one sample make it the ordinary bootstrap.
 */
export type Groups = readonly ArrayLike<number>[]

/** Enough for stable 95 % limits (Efron and Tibshirani advise 1,000 to 2,000 for percentile intervals). */
const resamples = 2000

/** Percentile-bootstrap interval of the mean over all samples. */
export function bootstrapMean(groups: Groups, random: RandomSource): Interval {
  const filled = groups.filter((group) => group.length > 0)
  const sums = filled.map((group) => sumOf(group))
  return limitsOf(() => {
    let sum = 0
    let count = 0
    for (let draw = 0; draw < filled.length; draw++) {
      const i = random.below(filled.length)
      sum += sums[i]!
      count += filled[i]!.length
    }
    return sum / count
  })
}

/**
 * Percentile-bootstrap intervals of percentiles `ps` (0 to 100, ascending) over all samples. Samples are
 * sorted once; a resample is a weight per group, and one walk over the sorted samples reads off every
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
  return draws.map(centralInterval)
}

/**
 * Percentile-bootstrap interval of mean(numerators) / mean(denominators), where sample i of both was taken
 * under the same conditions (the same query): pairs are drawn together, so what they share cancels out.
 */
export function bootstrapRatio(
  numerators: ArrayLike<number>,
  denominators: ArrayLike<number>,
  random: RandomSource,
): Interval {
  const pairs = Math.min(numerators.length, denominators.length)
  return limitsOf(() => {
    let above = 0
    let below = 0
    for (let draw = 0; draw < pairs; draw++) {
      const i = random.below(pairs)
      above += numerators[i]!
      below += denominators[i]!
    }
    return above / below
  })
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

/** Nearest-rank percentiles of the samples counted as often as their group's weight. */
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

function limitsOf(drawEstimate: () => number): Interval {
  return centralInterval(Float64Array.from({ length: resamples }, drawEstimate))
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
