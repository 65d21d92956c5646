import { NearestRows } from './nearest-rows.js'
import type { Peer, PeerData } from './peer.js'

/** A kernel per pair, called from JavaScript for each row; the views of the rows are made beforehand. */
export function openSimsimd({ base, rows, dims, metric, k }: PeerData, require: NodeJS.Require): Peer {
  const { cosine, sqeuclidean } = require('simsimd') as Record<
    'cosine' | 'sqeuclidean',
    (a: Float32Array, b: Float32Array) => number
  >
  const distance = metric === 'cosine' ? cosine : sqeuclidean
  const views = Array.from({ length: rows }, (_, row) => base.subarray(row * dims, (row + 1) * dims))
  return {
    name: `simsimd ${metric}, row by row`,
    search: async (query) => {
      const nearest = new NearestRows(k)
      for (let row = 0; row < rows; row++) nearest.offer(row, distance(query, views[row]!))
      return { found: [nearest.ids] }
    },
  }
}
