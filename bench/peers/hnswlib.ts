import type { Peer, PeerData } from './peer.js'

interface BruteforceSearch {
  initIndex(maxElements: number): void
  addPoint(point: number[], label: number): void
  searchKnn(query: number[], k: number): { readonly neighbors: number[] }
}

/** Its brute-force index, which normalises rows for cosine when they are added. Takes plain arrays only. */
export function openHnswlib({ base, rows, dims, metric, k }: PeerData, require: NodeJS.Require): Peer {
  const { BruteforceSearch } = require('hnswlib-node') as {
    BruteforceSearch: new (space: 'cosine' | 'l2', dims: number) => BruteforceSearch
  }
  const index = new BruteforceSearch(metric, dims)
  index.initIndex(rows)
  for (let row = 0; row < rows; row++) {
    index.addPoint(Array.from(base.subarray(row * dims, (row + 1) * dims)), row)
  }
  return {
    name: 'hnswlib-node BruteforceSearch',
    search: async (query) => ({ found: [index.searchKnn(Array.from(query), k).neighbors] }),
  }
}
