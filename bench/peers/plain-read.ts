import { NativeLoops } from '../native-loops.js'
import type { Peer, PeerData } from './peer.js'

export const plainRead = 'plain read of as many bytes'

/** Finds nothing: reads as many bytes as the rows have, of other memory: the least that a search for one query does. */
export function openPlainRead({ base }: PeerData): Peer {
  const loops = new NativeLoops()
  return {
    name: plainRead,
    search: async () => {
      loops.timeRead(base.byteLength)
      return { found: [] }
    },
  }
}
