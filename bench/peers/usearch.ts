import type { Peer, PeerData } from './peer.js'

interface Usearch {
  readonly MetricKind: { readonly Cos: string; readonly L2sq: string }
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
export function openUsearch({ base, dims, metric, k }: PeerData, require: NodeJS.Require): Peer {
  const { exactSearch, MetricKind } = require('usearch') as Usearch
  const kind = { cosine: MetricKind.Cos, l2: MetricKind.L2sq }[metric]
  return {
    name: 'usearch exactSearch',
    search: async (queries, queryCount) => {
      const { keys } = exactSearch(base, queries, dims, k, kind, 1)
      return {
        found: Array.from({ length: queryCount }, (_, q) =>
          Uint32Array.from(keys.subarray(q * k, (q + 1) * k), Number),
        ),
      }
    },
  }
}
