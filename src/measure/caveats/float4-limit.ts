import type { Dataset, GroundTruth } from '../../datasets/dataset.js'

/** FLT_MAX, and FLT_MIN: below it a float4 loses digits, and then becomes 0. */
const largest = 3.4028234663852886e38
const smallest = 1.1754943508222875e-38

/**
 * Why a path that sums in float4 cannot find the true neighbours of these queries, with the next step; undefined where
 * float4 holds all sums of them, and has the digits to rank them.
 * @param isRightInFloat4 whether what was found for a query is right as far as float4 can tell.
 */
export function describeFloat4Limit(
  dataset: Dataset,
  { k, ids }: GroundTruth,
  queryRows: readonly number[],
  isRightInFloat4: (row: number) => boolean,
): string | undefined {
  let most = 0
  let least = Number.POSITIVE_INFINITY
  for (const row of queryRows) {
    for (const id of ids.subarray(row * k, (row + 1) * k)) {
      for (const sum of sumsOf(dataset, row, id)) {
        most = Math.max(most, sum)
        // A sum of zeros is exact.
        if (sum > 0) least = Math.min(least, sum)
      }
    }
  }
  if (most > largest) {
    return (
      `It computes in float4, which overflows on this data: sums reach ${most.toExponential(1)} and float4 ends at 3.4e+38. ` +
      'Scale the vectors down, or search by sql or the addon, which compute in float64.'
    )
  }
  if (least < smallest) {
    return (
      `It computes in float4, which underflows on this data: sums are as small as ${least.toExponential(1)} and float4 has ` +
      'all its digits down to 1.2e-38. Scale the vectors up, or search by sql or the addon, which compute in float64.'
    )
  }
  if (queryRows.length > 0 && queryRows.every(isRightInFloat4)) {
    return (
      'It computes in float4, whose digits do not tell the nearest rows of this data apart: their distances differ by less ' +
      'than a millionth. Search by sql or the addon, which compute in float64.'
    )
  }
  return undefined
}

/** What a distance adds up, for the metric: all of it has to fit, whatever comes of it in the end. */
function sumsOf({ queries, base, metric }: Dataset, row: number, id: number): number[] {
  let [squares, absolute, products, ofQuery, ofRow] = [0, 0, 0, 0, 0]
  for (let i = 0; i < base.dims; i++) {
    const a = queries.data[row * base.dims + i]!
    const b = base.data[id * base.dims + i]!
    squares += (a - b) ** 2
    absolute += Math.abs(a - b)
    products += Math.abs(a * b)
    ofQuery += a * a
    ofRow += b * b
  }
  if (metric === 'l2') return [squares]
  if (metric === 'l1') return [absolute]
  if (metric === 'ip') return [products]
  return [products, ofQuery, ofRow]
}
