import { createHash, type Hash } from 'node:crypto'
import { chunkBytes } from '../system/atomic-file.js'
import type { Metric } from '../vectors/metric.js'
import type { Matrix } from './dataset.js'

/** sha-256 (hex) over metric, shapes and every value of base and queries. */
export function hashDataset(metric: Metric, base: Matrix, queries: Matrix): string {
  const hash = createHash('sha256')
  hash.update(`simdgres.dataset/1 ${metric} ${base.rows}x${base.dims} ${queries.rows}x${queries.dims}\n`)
  updateWithValues(hash, base.data)
  updateWithValues(hash, queries.data)
  return hash.digest('hex')
}

/** One update takes at most 2 GiB. */
function updateWithValues(hash: Hash, { buffer, byteOffset, byteLength }: Float32Array): void {
  for (let at = 0; at < byteLength; at += chunkBytes) {
    hash.update(new Uint8Array(buffer, byteOffset + at, Math.min(chunkBytes, byteLength - at)))
  }
}
