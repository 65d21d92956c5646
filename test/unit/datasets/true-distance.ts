import type { Metric } from '../../../src/datasets/dataset.js'
import { distanceAt } from '../../../src/datasets/distance.js'

/** Distance of two whole vectors of the same length. */
export function trueDistance(metric: Metric, a: Float32Array, b: Float32Array): number {
  return distanceAt[metric](a, 0, b, 0, a.length)
}
