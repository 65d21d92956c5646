import { NearestRows } from './nearest-rows.js'
import type { Peer, PeerData } from './peer.js'

/** What you would write without a library: a loop over the flat array, norms computed beforehand. */
export function openJavaScript({ base, rows, dims, metric, k }: PeerData): Peer {
  const squares = Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0
    for (let i = row * dims; i < (row + 1) * dims; i++) sum += base[i]! * base[i]!
    return sum
  })
  const inverseNorms = squares.map((sum) => 1 / Math.sqrt(sum))
  /** In the order of the distance: the dot product's share of it is all that the query changes. */
  const rank =
    metric === 'cosine'
      ? (row: number, dot: number) => -dot * inverseNorms[row]!
      : (row: number, dot: number) => squares[row]! - 2 * dot
  return {
    name: 'plain JavaScript loop',
    search: async (query) => {
      const nearest = new NearestRows(k)
      for (let row = 0; row < rows; row++) {
        const start = row * dims
        let dot = 0
        for (let i = 0; i < dims; i++) dot += query[i]! * base[start + i]!
        nearest.offer(row, rank(row, dot))
      }
      return { found: [nearest.ids] }
    },
  }
}
