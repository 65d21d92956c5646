/** The number below which a share of the normal distribution lies, by bisection. For shares from 1e-6 to 1 - 1e-6. */
export function quantileOf(share: number): number {
  let [low, high] = [-5, 5]
  while (high - low > 1e-9) {
    const middle = (low + high) / 2
    if (normalShare(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Of the distribution below x: Abramowitz and Stegun 7.1.26, right to 1e-7. */
function normalShare(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * z)
  const sum =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const tail = (sum * Math.exp(-z * z)) / 2
  return x < 0 ? tail : 1 - tail
}
