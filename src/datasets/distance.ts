import type { Metric } from '../vectors/metric.js'

/** Distance between `dims` values of `a` starting at `aStart` and as many of `b` starting at `bStart`. */
type DistanceAt = (a: Float32Array, aStart: number, b: Float32Array, bStart: number, dims: number) => number

/**
 * The distances that all others are judged by: plain loops over f32 values, with every operation in float64. They are
 * slow on purpose and share nothing with the kernels they check. The relative error is below dims × 2^-53. l2 is the
 * root, cosine the cosine distance (NaN if a vector is zero, as in pgvector), ip the negative inner product.
 */
export const distanceAt: Readonly<Record<Metric, DistanceAt>> = {
  l2(a, aStart, b, bStart, dims) {
    let sum = 0
    for (let i = 0; i < dims; i++) {
      const difference = a[aStart + i]! - b[bStart + i]!
      sum += difference * difference
    }
    return Math.sqrt(sum)
  },
  l1(a, aStart, b, bStart, dims) {
    let sum = 0
    for (let i = 0; i < dims; i++) sum += Math.abs(a[aStart + i]! - b[bStart + i]!)
    return sum
  },
  ip(a, aStart, b, bStart, dims) {
    let sum = 0
    for (let i = 0; i < dims; i++) sum += a[aStart + i]! * b[bStart + i]!
    return -sum
  },
  cosine(a, aStart, b, bStart, dims) {
    let dot = 0
    let aSquares = 0
    let bSquares = 0
    for (let i = 0; i < dims; i++) {
      const x = a[aStart + i]!
      const y = b[bStart + i]!
      dot += x * y
      aSquares += x * x
      bSquares += y * y
    }
    return 1 - dot / Math.sqrt(aSquares * bSquares)
  },
}
