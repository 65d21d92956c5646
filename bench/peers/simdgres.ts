import { VectorSet } from '#src/vectors/vector-set.js'
import type { Found, Peer, PeerData } from './peer.js'

/** On the calling thread, as the others search. */
export function openSimdgres({ base, dims, k }: PeerData): Peer {
  const set = VectorSet.from(base, { dims, metric: 'cosine' })
  return {
    name: 'simdgres searchSync',
    search: async (queries, queryCount) => splitByQuery(set.searchSync(queries, { k }).ids, queryCount),
    close: () => set.close(),
  }
}

/** On a thread of its own, which leaves the event loop free: shows what the hand-over costs. */
export function openSimdgresAsync({ base, dims, k }: PeerData): Peer {
  const set = VectorSet.from(base, { dims, metric: 'cosine' })
  return {
    name: 'simdgres search (off the event loop)',
    search: async (queries, queryCount) => splitByQuery((await set.search(queries, { k })).ids, queryCount),
    close: () => set.close(),
  }
}

function splitByQuery(ids: Uint32Array, queryCount: number): Found {
  const k = ids.length / queryCount
  return Array.from({ length: queryCount }, (_, q) => ids.subarray(q * k, (q + 1) * k))
}
