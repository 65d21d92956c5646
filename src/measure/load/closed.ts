import { throwIfAborted } from '../../errors.js'
import type { Hits, Searcher } from '../../paths/search-path.js'
import type { Load, Samples } from './load.js'
import type { QueryTurn } from './query-cursor.js'

/** `clients` searchers, each of which waits for its answer before it asks again. */
export function closed(clients: number): Load {
  return {
    shape: { kind: 'closed', clients },
    async run(open, queries, signal) {
      const searchers: Searcher[] = []
      for (let i = 0; i < clients; i++) searchers.push(await open())
      const seen = new Observations()
      const start = performance.now()
      const work = searchers.map((searcher) => ask(searcher, queries, seen, signal))
      const failure = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected')
      if (failure?.status === 'rejected') throw failure.reason
      return seen.toSamples(performance.now() - start)
    },
  }
}

async function ask(
  searcher: Searcher,
  queries: QueryTurn,
  seen: Observations,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      throwIfAborted(signal)
      const batch = seen.hasFailed ? undefined : queries.next()
      if (batch === undefined) return
      const start = performance.now()
      const hits = await searcher.search(batch.vectors)
      seen.add(performance.now() - start, batch.rows, hits)
    }
  } catch (error) {
    seen.hasFailed = true
    throw error
  }
}

class Observations {
  /** One client's failure ends the turn of all. */
  hasFailed = false
  readonly #times: number[] = []
  readonly #queryRows: number[] = []
  readonly #hits = new Map<number, Hits>()
  #count = 0

  add(ms: number, rows: Uint32Array, hits: readonly Hits[]): void {
    this.#times.push(ms / rows.length)
    this.#queryRows.push(rows[0]!)
    this.#count += rows.length
    for (const [i, row] of rows.entries()) {
      if (!this.#hits.has(row)) this.#hits.set(row, hits[i]!)
    }
  }

  toSamples(wallMs: number): Samples {
    return {
      times: Float64Array.from(this.#times),
      queryRows: Uint32Array.from(this.#queryRows),
      count: this.#count,
      wallMs,
      hits: this.#hits,
    }
  }
}
