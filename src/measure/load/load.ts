import type { Hits, Searcher } from '../../paths/search-path.js'
import type { QueryTurn } from './query-cursor.js'

/**
 * `closed`: clients that each ask again when they have their answer. `open`: arrivals at a rate per second, whether or not
 * answers keep up.
 */
export type LoadShape =
  | { readonly kind: 'closed'; readonly clients: number }
  | { readonly kind: 'open'; readonly rate: number }

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
  /** Milliseconds per query; a batch is one sample, its time divided by its size. */
  readonly times: Float64Array
  /** The (first) query of each sample, by its row. */
  readonly queryRows: Uint32Array
  /** Queries searched. */
  readonly count: number
  /** From the first call to the last answer, by the clock. */
  readonly wallMs: number
  /** What was found, by the query's row: its first answer of the turn. */
  readonly hits: ReadonlyMap<number, Hits>
}
