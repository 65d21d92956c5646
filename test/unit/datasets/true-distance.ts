import { distanceAt } from '#src/datasets/distance.js'
import type { Metric } from '#src/vectors/metric.js'

/** Distance of two whole vectors of the same length. */
export function trueDistance(metric: Metric, a: Float32Array, b: Float32Array): number {
  return distanceAt[metric](a, 0, b, 0, a.length)
}
