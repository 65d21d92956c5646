import type { Interval } from './interval.js'
import { mean, variance } from './samples.js'
import { normalQuantile, studentQuantile } from './student-t.js'
import { wilsonInterval } from './wilson.js'

/**
 * The 95 % interval of the mean of shares between 0 and 1, each of which is one independent observation, whatever it was
 * counted from: what was counted for one share (the k places of one query) may go together.
 *
 * Wilson's interval, which stays within 0 and 1, over as many independent trials as the shares are worth: those whose mean
 * would scatter as the mean of these shares does (Kish's effective sample size). As the scatter is estimated, Student's
 * quantile stands for the normal one (Korn and Graubard, 1998).
 *
 * Shares that are all equal show no scatter. Then nothing but this is known: of n shares none was another one, so the
 * others are rare (Wilson's limit of 0 in n), and may be anything from 0 to 1.
 *
 * @param shares at least one.
 */
export function clusteredShareInterval(shares: readonly number[]): Interval {
  const count = shares.length
  const centre = mean(shares)
  if (count < 2 || shares.every((share) => share === shares[0])) {
    const others = wilsonInterval(0, count)[1]
    return [centre * (1 - others), centre + (1 - centre) * others]
  }
  const trials =
    ((centre * (1 - centre) * count) / variance(shares)) * (normalQuantile / studentQuantile(count - 1)) ** 2
  return wilsonInterval(centre * trials, trials)
}
