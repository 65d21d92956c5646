import type { Groups, Interval } from './bootstrap.js'
import { mean } from './samples.js'
import { studentQuantile } from './student-t.js'

export interface PairedRatio {
  readonly value: number
  /** Equal to [value, value] where one pair is all there is: it says nothing about its spread. */
  readonly ci95: Interval
  readonly pairs: number
}

/**
 * How often `numerators` hold `denominators`: the geometric mean over rounds of the ratio of the round's means. Both
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
  const margin = logs.length < 2 ? 0 : studentQuantile(logs.length - 1) * standardError(logs, centre)
  return {
    value: Math.exp(centre),
    ci95: [Math.exp(centre - margin), Math.exp(centre + margin)],
    pairs: logs.length,
  }
}

function standardError(values: readonly number[], centre: number): number {
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1) / values.length)
}
