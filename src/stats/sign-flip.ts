/** Two halves of this many values have 2^20 sums each: 16 MiB and about 0.2 s. */
const mostValues = 40

/**
 * One-sided, exact p-value of the hypothesis that the values scatter symmetrically about 0, against a mean above 0: the
 * share of all 2^n ways to choose their signs whose sum is at least the observed one. Exchangeability of the signs is all
 * it assumes, so no distribution of the noise can make it lie. The smallest value it can give is 2^-n.
 *
 * All sums of each half of the values are sorted, and one walk over both counts the pairs that reach the observed sum
 * (meet in the middle), so 40 values cost 2^20 steps and not 2^40.
 *
 * @throws RangeError for no or more than 40 values.
 */
export function signFlipP(values: readonly number[]): number {
  if (values.length === 0 || values.length > mostValues) {
    throw new RangeError(`A sign-flip test takes 1 to ${mostValues} values, not ${values.length}`)
  }
  const half = values.length >> 1
  const left = sortedSums(values.slice(0, half))
  const right = sortedSums(values.slice(half))
  let observed = 0
  let magnitude = 0
  for (const value of values) {
    observed += value
    magnitude += Math.abs(value)
  }
  // Sums of the same values in another order differ by rounding; those that equal the observed one have to count.
  const limit = observed - magnitude * values.length * Number.EPSILON
  let reaching = 0
  let firstRight = right.length
  for (const sum of left) {
    while (firstRight > 0 && sum + right[firstRight - 1]! >= limit) firstRight--
    reaching += right.length - firstRight
  }
  return reaching / (left.length * right.length)
}

/** The sums of all ways to choose the signs, ascending. */
function sortedSums(values: readonly number[]): Float64Array {
  const sums = new Float64Array(2 ** values.length)
  let filled = 1
  for (const value of values) {
    for (let i = 0; i < filled; i++) {
      sums[filled + i] = sums[i]! - value
      sums[i] = sums[i]! + value
    }
    filled *= 2
  }
  return sums.sort()
}
