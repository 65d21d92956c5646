import type { Peer, PeerData } from './peer.js'

interface Usearch {
  readonly MetricKind: { readonly Cos: string }
  exactSearch(
    dataset: Float32Array,
    queries: Float32Array,
    dimensions: number,
    count: number,
    metric: string,
    threads: number,
  ): { readonly keys: BigUint64Array }
}

/** Exact search over a flat array. Without a number of threads it would take all processors. */
export function openUsearch({ base, dims, k }: PeerData, require: NodeJS.Require): Peer {
  const { exactSearch, MetricKind } = require('usearch') as Usearch
  return {
    name: 'usearch exactSearch',
    search: async (queries, queryCount) => {
      const { keys } = exactSearch(base, queries, dims, k, MetricKind.Cos, 1)
      return Array.from({ length: queryCount }, (_, q) =>
        Uint32Array.from(keys.subarray(q * k, (q + 1) * k), Number),
      )
    },
  }
}
