declare const sorted: unique symbol

/** Ascending samples. The brand keeps unsorted data out of `percentile`, which would answer without complaint. */
export type SortedSamples = Float64Array & { readonly [sorted]: true }

/** A sorted copy. Samples are finite numbers. */
export function sortSamples(samples: ArrayLike<number>): SortedSamples {
  return Float64Array.from(samples).sort() as SortedSamples
}

/**
 * The p-th percentile, 0 <= p <= 100, interpolated linearly between order statistics (Hyndman and Fan's type
 * 7, what NumPy, R and Excel use by default). NaN without samples.
 */
export function percentile(samples: SortedSamples, p: number): number {
  if (samples.length === 0) return Number.NaN
  const position = ((samples.length - 1) * p) / 100
  const below = Math.floor(position)
  const low = samples[below]!
  const high = samples[Math.min(below + 1, samples.length - 1)]!
  return low + (high - low) * (position - below)
}

export function median(samples: SortedSamples): number {
  return percentile(samples, 50)
}

/** Arithmetic mean; NaN without samples. */
export function mean(samples: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < samples.length; i++) sum += samples[i]!
  return sum / samples.length
}

/** Median absolute deviation from the median, unscaled: half of the samples lie within it. */
export function medianAbsoluteDeviation(samples: SortedSamples): number {
  const centre = median(samples)
  return median(sortSamples(samples.map((value) => Math.abs(value - centre))))
}

/** Sample variance: squares of the deviations from the mean, over one less than their number. NaN for fewer than two. */
export function variance(samples: readonly number[]): number {
  const centre = mean(samples)
  return samples.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (samples.length - 1)
}
