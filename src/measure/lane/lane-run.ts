import type { Matrix } from '../../datasets/dataset.js'
import type { Hits, Plan, Searcher } from '../../paths/search-path.js'
import { mean } from '../../stats/samples.js'
import type { Samples } from '../load/load.js'
import { QueryCursor, type QueryTurn } from '../load/query-cursor.js'
import type { Quota, Tally, Turn } from '../schedule/schedule.js'
import type { Lane } from './lane.js'

/** What one turn of a lane gave. Its `hits` are those of queries that the lane had not been asked before. */
export interface TurnRecord extends Samples {
  readonly round: number
  /** It was over before it had asked all queries of its quota: the lane's time was up. */
  readonly isCut: boolean
  /** The share of the turn in which this process was at work, and not waiting for an answer. */
  readonly clientUse: number
}

/** How a lane was searched: of its first searcher, after warming up. */
export interface LaneFacts {
  readonly settings: Readonly<Record<string, string>>
  readonly plan?: Plan
  /** It was still getting faster when the time for warming up was over. */
  readonly isUnsteady: boolean
  /** What a query took at the end of the warm-up: how many a turn has follows from it, after a resumption as well. */
  readonly msPerQuery: number
}

/** All that was observed of a lane. */
export interface LaneRecord {
  readonly lane: Lane
  readonly facts?: LaneFacts
  readonly turns: readonly TurnRecord[]
  /** The first answer to every query that it was asked, by the query's row. */
  readonly hits: ReadonlyMap<number, Hits>
  /** Why it could not be measured to its end. */
  readonly failure?: string
}

/** Rows that a search returns, of the k that it should: the mean over `answers`; k where there are none. */
export function countReturned(answers: Iterable<Hits>, k: number): number {
  const counts = Array.from(answers, ({ length }) => Math.min(length, k))
  return counts.length === 0 ? k : mean(counts)
}

/** A lane while it is measured: its place in the queries, its searchers, and what it has given so far. */
export class LaneRun implements LaneRecord {
  readonly lane: Lane
  /** The rows of queries that it is asked, in their order. */
  readonly order: Uint32Array
  readonly turns: TurnRecord[] = []
  readonly hits = new Map<number, Hits>()
  facts?: LaneFacts
  failure?: string
  readonly #cursor: QueryCursor
  readonly #searchers: Searcher[] = []
  #tally: Tally = { count: 0, ms: 0 }

  constructor(lane: Lane, queries: Matrix, order: Uint32Array) {
    const { queryRows, path } = lane.corpus
    this.lane = lane
    this.order = queryRows === undefined ? order : order.filter((row) => queryRows.has(row))
    this.#cursor = new QueryCursor(queries, this.order, path.batchSize)
  }

  /** Takes over a turn that was measured before: the lane goes on after it. */
  restore(record: TurnRecord): void {
    this.#add(record)
    this.#cursor.skip(record.count)
  }

  async measure({ start, round }: Turn, quota: Quota, signal: AbortSignal): Promise<TurnRecord> {
    if (start !== undefined) this.#cursor.seek(start(quota.queries))
    const calls = Math.ceil(quota.queries / this.lane.corpus.path.batchSize)
    const queries = new LimitedTurn(this.#cursor, quota, this.#tally, calls)
    const before = performance.eventLoopUtilization()
    const samples = await this.run(queries, signal)
    const { utilization: clientUse } = performance.eventLoopUtilization(before)
    const hits = new Map([...samples.hits].filter(([row]) => !this.hits.has(row)))
    const record = { ...samples, hits, round, clientUse, isCut: samples.count < quota.queries }
    this.#add(record)
    return record
  }

  /** Runs queries that are not recorded. */
  async run(queries: QueryTurn, signal: AbortSignal, load = this.lane.load): Promise<Samples> {
    let taken = 0
    const open = async (): Promise<Searcher> => {
      const idle = this.#searchers[taken++]
      if (idle !== undefined) return idle
      const searcher = await this.lane.corpus.open(this.lane.variant)
      this.#searchers.push(searcher)
      // A session reads the catalogues for its first search: that one is not measured.
      if (this.facts !== undefined) await searcher.search(this.#cursor.peek().vectors)
      return searcher
    }
    return load.run(open, queries, signal)
  }

  /** Closes all connections but one: those of all lanes together could be more than a server takes. */
  async release(): Promise<void> {
    for (const searcher of this.#searchers.splice(1)) await searcher.close()
  }

  /** The lane's first searcher, which `run` has opened. */
  get searcher(): Searcher {
    return this.#searchers[0]!
  }

  async close(): Promise<void> {
    for (const searcher of this.#searchers.splice(0)) await searcher.close()
  }

  #add(record: TurnRecord): void {
    this.turns.push(record)
    for (const [row, found] of record.hits) this.hits.set(row, found)
    this.#tally = { count: this.#tally.count + record.count, ms: this.#tally.ms + record.wallMs }
  }
}

/** The lane's queries until the turn is over. The clock starts with the first of them: connecting is not measured. */
class LimitedTurn implements QueryTurn {
  readonly #cursor: QueryCursor
  readonly #quota: Quota
  readonly #before: Tally
  readonly calls: number
  #count = 0
  #start: number | undefined

  constructor(cursor: QueryCursor, quota: Quota, before: Tally, calls: number) {
    this.#cursor = cursor
    this.#quota = quota
    this.#before = before
    this.calls = calls
  }

  next() {
    const { queries, limitMs = Number.POSITIVE_INFINITY } = this.#quota
    this.#start ??= performance.now()
    const ms = this.#before.ms + performance.now() - this.#start
    if (this.#count >= queries || ms >= limitMs) return undefined
    const batch = this.#cursor.next()
    this.#count += batch.rows.length
    return batch
  }
}
