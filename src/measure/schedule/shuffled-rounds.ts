import { type Random, shuffledIndexes } from '../../stats/random.js'
import type { Quota, Schedule } from './schedule.js'

export interface RoundOptions {
  readonly rounds: number
  /** Time of a lane, all rounds together, at the speed that it had at the end of its warm-up. */
  readonly budgetMs: number
  /** Queries that a lane asks at most. */
  readonly maxQueries: number
  /** A fresh source of random numbers. */
  random(): Random
}

/** Lanes of the slowest paths still get this many queries, whatever they cost: fewer say nothing. */
const leastQueries = 10
/** A lane may take so many times as long as planned. Then it ends, and the report says so. */
const overrun = 2

/**
 * All lanes in interleaved rounds, each in an order of its own: what happens to the machine during a run (another
 * tenant, a lower clock, a checkpoint) then falls on all rows alike and not on the one that was running. A lane asks the
 * same number of queries in every round.
 */
export function shuffledRounds({ rounds, budgetMs, maxQueries, random }: RoundOptions): Schedule {
  /** Calls are whole batches. */
  const plan = (msPerQuery: number, batchSize: number): Quota => {
    const affordable = Math.floor(budgetMs / rounds / msPerQuery)
    const most = Math.floor(maxQueries / rounds)
    const wanted = Math.max(Math.ceil(leastQueries / rounds), Math.min(affordable, most))
    const queries = Math.ceil(wanted / batchSize) * batchSize
    return { queries, limitMs: overrun * Math.max(budgetMs, rounds * queries * msPerQuery) }
  }
  return {
    rounds,
    *turns(lanes) {
      const source = random()
      for (let round = 0; round < rounds; round++) {
        for (const lane of shuffledIndexes(lanes.length, source)) {
          const { corpus, load } = lanes[lane]!
          const { batchSize } = corpus.path
          // In an open loop the arrivals have a pace of their own.
          const givenMs = load.shape.kind === 'open' ? 1000 / load.shape.rate : undefined
          yield { lane, round, quota: (msPerQuery) => plan(givenMs ?? msPerQuery, batchSize) }
        }
      }
    },
  }
}
