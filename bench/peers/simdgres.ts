import { type SearchResult, VectorSet } from '#src/vectors/vector-set.js'
import type { Answer, Peer, PeerData } from './peer.js'

/** On the calling thread, as the others search. */
export function openSimdgres({ base, dims, metric, k }: PeerData): Peer {
  const set = VectorSet.from(base, { dims, metric })
  return {
    name: 'simdgres searchSync',
    search: async (queries, queryCount) => answer(set.searchSync(queries, { k }), queryCount),
    close: () => set.close(),
  }
}

/** On a thread of its own, which leaves the event loop free: shows what the hand-over costs. */
export function openSimdgresAsync({ base, dims, metric, k }: PeerData): Peer {
  const set = VectorSet.from(base, { dims, metric })
  return {
    name: 'simdgres search (off the event loop)',
    search: async (queries, queryCount) => answer(await set.search(queries, { k }), queryCount),
    close: () => set.close(),
  }
}

/** The same answers by codes with proved bounds. */
export function openSimdgresLevels({ base, dims, metric, k }: PeerData): Peer {
  const set = VectorSet.from(base, { dims, metric, codes: 'levels' })
  return {
    name: 'simdgres searchSync, codes',
    search: async (queries, queryCount) => answer(set.searchSync(queries, { k }), queryCount),
    close: () => set.close(),
  }
}

function answer({ ids, stats }: SearchResult, queryCount: number): Answer {
  const k = ids.length / queryCount
  const found = Array.from({ length: queryCount }, (_, q) => ids.subarray(q * k, (q + 1) * k))
  return { found, bytes: stats.bytes }
}
