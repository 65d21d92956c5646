import { NearestRows } from './nearest-rows.js'
import type { Peer, PeerData } from './peer.js'

/** A kernel per pair, called from JavaScript for each row; the views of the rows are made beforehand. */
export function openSimsimd({ base, rows, dims, k }: PeerData, require: NodeJS.Require): Peer {
  const { cosine } = require('simsimd') as { cosine(a: Float32Array, b: Float32Array): number }
  const views = Array.from({ length: rows }, (_, row) => base.subarray(row * dims, (row + 1) * dims))
  return {
    name: 'simsimd cosine, row by row',
    search: async (query) => {
      const nearest = new NearestRows(k)
      for (let row = 0; row < rows; row++) nearest.offer(row, cosine(query, views[row]!))
      return [nearest.ids]
    },
  }
}
