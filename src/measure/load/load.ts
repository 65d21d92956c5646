import type { Hits, Searcher } from '../../paths/search-path.js'
import type { QueryTurn } from './query-cursor.js'

/**
 * `closed`: clients that each ask again when they have their answer. `open`: arrivals at a rate per second, whether or not
 * answers keep up, served by so many clients.
 */
export type LoadShape =
  | { readonly kind: 'closed'; readonly clients: number }
  | { readonly kind: 'open'; readonly rate: number; readonly clients: number }

/** How the queries of a turn are put to a corpus. */
export interface Load {
  readonly shape: LoadShape
  /**
   * Searches all queries of the turn. `open` gives a searcher that nobody uses during this turn; connections stay open
   * between turns. Rejects when a search does, after those that are under way have ended.
   */
  run(open: () => Promise<Searcher>, queries: QueryTurn, signal: AbortSignal): Promise<Samples>
}

/** What was observed in one turn. */
export interface Samples {
  /**
   * Milliseconds per query; a batch is one sample, its time divided by its size. In an open loop from the moment at which the
   * query was to arrive, so the time that it waited for a client is in it.
   */
  readonly times: Float64Array
  /** The (first) query of each sample, by its row. */
  readonly queryRows: Uint32Array
  /** Queries searched. */
  readonly count: number
  /** From the first call to the last answer, by the clock; in an open loop from the first arrival. */
  readonly wallMs: number
  /** What was found, by the query's row: its first answer of the turn. */
  readonly hits: ReadonlyMap<number, Hits>
  /** Of an open loop. */
  readonly arrivals?: Arrivals
}

export interface Arrivals {
  /** Milliseconds by which the generator was late, for each of them: no fault of what is measured, but in its times. */
  readonly lagsMs: Float64Array
  /** Queries that no client had begun with when the last one arrived: those that stay beyond answers are a queue that grows. */
  readonly waiting: number
}
