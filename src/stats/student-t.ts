import type { Interval } from './interval.js'
import { mean, variance } from './samples.js'

/** Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom; any table of the distribution has them. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/** The same quantile of the normal distribution, their limit. */
export const normalQuantile = 1.96

/**
 * How many standard errors from a mean of `degrees + 1` samples the 95 % interval reaches. Above 30 degrees the first
 * term of its expansion about the normal quantile is right to 0.001.
 */
export function studentQuantile(degrees: number): number {
  const z = normalQuantile
  return quantiles[degrees - 1] ?? z + (z ** 3 + z) / (4 * degrees)
}

/** A mean, or a difference of two, whose error has so many degrees of freedom. */
export interface MeanEstimate {
  readonly centre: number
  readonly standardError: number
  /** 0: nothing is known of the error. */
  readonly degrees: number
}

export function meanEstimate(values: readonly number[]): MeanEstimate {
  const standardError = Math.sqrt(variance(values) / values.length)
  return { centre: mean(values), standardError, degrees: Math.max(0, values.length - 1) }
}

/**
 * The mean of the first group less that of the second: two samples of one variance (Student's own test, not Welch's, whose
 * estimate of two variances from three values each is poor).
 * @param leastDeviation no smaller standard deviation is believed.
 */
export function compareGroups(
  first: readonly number[],
  second: readonly number[],
  leastDeviation = 0,
): MeanEstimate {
  const degrees = first.length + second.length - 2
  const squares = [first, second].reduce(
    (sum, group) => sum + (group.length > 1 ? variance(group) * (group.length - 1) : 0),
    0,
  )
  const pooled = Math.max(squares / degrees, leastDeviation ** 2)
  return {
    centre: mean(first) - mean(second),
    standardError: Math.sqrt(pooled * (1 / first.length + 1 / second.length)),
    degrees: Math.max(0, degrees),
  }
}

/** The 95 % interval of the estimate; -∞ to ∞ where nothing is known of its error. */
export function studentInterval({ centre, standardError, degrees }: MeanEstimate): Interval {
  if (degrees < 1) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const margin = studentQuantile(degrees) * standardError
  return [centre - margin, centre + margin]
}

/** The 95 % interval of the mean; -∞ to ∞ for fewer than two values, which say nothing about their spread. */
export function meanInterval(values: readonly number[]): Interval {
  return studentInterval(meanEstimate(values))
}

/**
 * One-sided p-value of the hypothesis that what is estimated is 0, against one above 0 (`sign` 1) or below it (-1). 1 where
 * nothing is known of the error.
 */
export function studentP({ centre, standardError, degrees }: MeanEstimate, sign: 1 | -1): number {
  const towards = sign * centre
  if (degrees < 1) return 1
  if (standardError === 0) return towards > 0 ? 0 : 1
  return studentTail(towards / standardError, degrees)
}

/** P(T > t) for whole degrees of freedom: the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4. */
export function studentTail(t: number, degrees: number): number {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(degrees))
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
  const isOdd = degrees % 2 === 1
  let term = isOdd ? cosine : 1
  let sum = 0
  for (let i = isOdd ? 3 : 2; i <= degrees; i += 2) {
    sum += term
    term *= (cosine ** 2 * (i - 1)) / i
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum
  // What is left of 1 cannot be told below the digits of `within`.
  const outside = Math.max(0, (1 - within) / 2)
  return t >= 0 ? outside : 1 - outside
}
