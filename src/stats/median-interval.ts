import type { Interval } from './interval.js'
import { median, sortSamples } from './samples.js'
import { normalQuantile } from './student-t.js'

/**
 * The median of independent values, and its 95 % interval by their ranks: whatever their distribution is. Of fewer than six values
 * no two ranks are so far apart, and the interval is [least, most], which has less.
 */
export function medianInterval(values: readonly number[]): {
  readonly value: number
  readonly ci95: Interval
} {
  const sorted = sortSamples(values)
  const count = sorted.length
  const reach = (normalQuantile * Math.sqrt(count)) / 2
  const low = Math.max(0, Math.floor((count - 1) / 2 - reach))
  return { value: median(sorted), ci95: [sorted[low]!, sorted[count - 1 - low]!] }
}
