import { estimateSizes } from '../config/vector-storage.js'

/** Where no cache is known. */
const usualCacheBytes = 32 << 20
/**
 * The smallest index is to be so many times as large as the processor's cache. Measured on 32 MiB, 128 dimensions: 5.6 ns a row
 * while the index has 48 MB, 9.5 from 96 MB on, and 9.9 at 240 MB.
 */
export const cachesOfSmallest = 2.5
const steps = [1, 1.5, 2, 3, 4]

/** Rows of the sets to measure: in memory, and none of them in the cache. What grows there says nothing of what does not. */
export function chooseSizes(dims: number, cacheBytes: number): number[] {
  const rowBytes = estimateSizes(1, dims).index
  const least = (cachesOfSmallest * (cacheBytes || usualCacheBytes)) / rowBytes
  const round = 10 ** Math.floor(Math.log10(least) - 1)
  return steps.map((step) => Math.ceil((step * least) / round) * round)
}
