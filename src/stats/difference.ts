import type { Interval } from './interval.js'
import { studentQuantile, studentTail } from './student-t.js'

/** A number with its 95 % interval, which need not lie evenly about it. */
export interface Estimate {
  readonly value: number
  readonly ci95: Interval
}

/**
 * What lies between two estimates that know nothing of each other, with the interval that follows from theirs (Donner and Zou,
 * "Closed-form confidence intervals for functions of the normal mean and standard deviation", 2012).
 */
export function subtractEstimates(from: Estimate, what: Estimate): Estimate {
  const value = from.value - what.value
  const below = Math.hypot(from.value - from.ci95[0], what.ci95[1] - what.value)
  const above = Math.hypot(from.ci95[1] - from.value, what.value - what.ci95[0])
  return { value, ci95: [value - below, value + above] }
}

/** Of positive numbers: their logarithm, whose differences are ratios. */
export function logOf({ value, ci95: [low, high] }: Estimate): Estimate {
  return { value: Math.log(value), ci95: [Math.log(low), Math.log(high)] }
}

/** The other way. */
export function expOf({ value, ci95: [low, high] }: Estimate): Estimate {
  return { value: Math.exp(value), ci95: [Math.exp(low), Math.exp(high)] }
}

/**
 * Two-sided p-value of the hypothesis that what is estimated is 0: .05 where its interval just touches 0. 1 where an interval of no
 * width says that nothing is known of the error.
 * @param degrees of freedom of that error.
 */
export function differenceP({ value, ci95: [low, high] }: Estimate, degrees: number): number {
  const margin = value > 0 ? value - low : high - value
  if (value === 0 || !(margin > 0) || degrees < 1) return 1
  return 2 * studentTail((Math.abs(value) / margin) * studentQuantile(degrees), degrees)
}
