import type { Estimate } from '../stats/difference.js'
import { normalQuantile } from '../stats/student-t.js'

/**
 * What a p50 drifts by from run to run, beyond chance within a run: the standard deviation of its logarithm. 0.08 is what ten pairs
 * of runs an hour apart gave on a virtual machine that did nothing else (docs/benchmarks.md, "The same run an hour later").
 */
export const usualDrift = 0.08

/** The logarithm of a ratio of two runs, with the interval that counts the drift of both, too. */
export function addDrift({ value, ci95: [low, high] }: Estimate, drift = usualDrift): Estimate {
  const margin = normalQuantile * drift * Math.SQRT2
  return { value, ci95: [value - Math.hypot(value - low, margin), value + Math.hypot(high - value, margin)] }
}
