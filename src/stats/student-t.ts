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

/** The 95 % interval of the mean; -∞ to ∞ for fewer than two values, which say nothing about their spread. */
export function meanInterval(values: readonly number[]): Interval {
  if (values.length < 2) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const centre = mean(values)
  const margin = studentQuantile(values.length - 1) * Math.sqrt(variance(values) / values.length)
  return [centre - margin, centre + margin]
}
