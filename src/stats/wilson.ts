import type { Interval } from './interval.js'

/** 97.5 % quantile of the normal distribution. */
const z = 1.959963984540054

/**
 * Wilson's score interval of a proportion at 95 %. Unlike the bootstrap and the normal approximation it stays
 * honest at 0 and 1: 150 hits of 150 give [0.975, 1], not [1, 1].
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  const share = successes / trials
  const shrink = 1 + z ** 2 / trials
  const centre = (share + z ** 2 / (2 * trials)) / shrink
  const half = (z / shrink) * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2))
  // At the edges the two terms cancel but for a rounding error.
  return [successes === 0 ? 0 : centre - half, successes === trials ? 1 : centre + half]
}
