/**
 * Holm's step-down adjustment (1979) of p-values that are looked at together, in their order: rejecting all with an
 * adjusted value of at most alpha keeps the probability of even one false rejection at alpha, however they depend on each
 * other.
 */
export function adjustByHolm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => pValues[a]! - pValues[b]!)
  const adjusted = pValues.map(() => 1)
  let largest = 0
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]!))
    adjusted[index] = largest
  })
  return adjusted
}
