import { throwIfAborted } from '../../errors.js'
import type { Searcher } from '../../paths/search-path.js'
import type { Load } from './load.js'
import { Observations } from './observations.js'
import type { QueryTurn } from './query-cursor.js'

/** `clients` searchers, each of which waits for its answer before it asks again. */
export function closed(clients: number): Load {
  return {
    shape: { kind: 'closed', clients },
    async run(open, queries, signal) {
      const searchers: Searcher[] = []
      for (let i = 0; i < clients; i++) searchers.push(await open())
      const turn: ClosedTurn = { queries, seen: new Observations(), signal, hasFailed: false }
      const start = performance.now()
      const work = searchers.map((searcher) => ask(searcher, turn))
      const failure = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected')
      if (failure?.status === 'rejected') throw failure.reason
      return turn.seen.toSamples(performance.now() - start)
    },
  }
}

interface ClosedTurn {
  readonly queries: QueryTurn
  readonly seen: Observations
  readonly signal: AbortSignal
  /** One client's failure ends the turn of all. */
  hasFailed: boolean
}

async function ask(searcher: Searcher, turn: ClosedTurn): Promise<void> {
  try {
    for (;;) {
      throwIfAborted(turn.signal)
      const batch = turn.hasFailed ? undefined : turn.queries.next()
      if (batch === undefined) return
      const start = performance.now()
      const hits = await searcher.search(batch.vectors)
      turn.seen.add(performance.now() - start, batch, hits)
    }
  } catch (error) {
    turn.hasFailed = true
    throw error
  }
}
