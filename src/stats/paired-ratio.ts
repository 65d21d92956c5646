import type { Groups } from './bootstrap.js'
import type { Interval } from './interval.js'
import { mean } from './samples.js'
import { meanInterval } from './student-t.js'

export interface PairedRatio {
  readonly value: number
  /** [value, value] where there is only one pair, which says nothing about the spread. */
  readonly ci95: Interval
  readonly pairs: number
}

/**
 * How many times `denominators` go into `numerators`: the geometric mean over rounds of the ratio of their means. Both
 * sides of a pair saw the machine in the same state, so its drift cancels out; samples inside a round are not
 * independent of each other and count as one. The interval is Student's, on logarithms, over the rounds: with the dozen
 * rounds of a run a bootstrap would be too narrow. Rounds without samples on one side are left out. Samples are
 * positive; NaN without pairs.
 */
export function pairedRatio(numerators: Groups, denominators: Groups): PairedRatio {
  const logs: number[] = []
  for (let i = 0; i < Math.min(numerators.length, denominators.length); i++) {
    const [above, below] = [numerators[i]!, denominators[i]!]
    if (above.length > 0 && below.length > 0) logs.push(Math.log(mean(above) / mean(below)))
  }
  const centre = mean(logs)
  const [low, high] = logs.length < 2 ? [centre, centre] : meanInterval(logs)
  return {
    value: Math.exp(centre),
    ci95: [Math.exp(low), Math.exp(high)],
    pairs: logs.length,
  }
}
