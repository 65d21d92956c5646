import { type Random, shuffledIndexes } from '../../stats/random.js'
import type { Schedule } from './schedule.js'

export interface RoundOptions {
  readonly rounds: number
  /** Time of a lane, all rounds together. */
  readonly budgetMs: number
  /** Queries after which a lane is done, if its budget lasts that long. */
  readonly maxQueries: number
  /** A fresh source of random numbers. */
  random(): Random
}

/** Lanes of the slowest paths still get this many queries, whatever they cost: fewer say nothing. */
const leastQueries = 10

/**
 * All lanes in interleaved rounds, each in an order of its own: what happens to the machine during a run (another
 * tenant, a lower clock, a checkpoint) then falls on all rows alike and not on the one that was running. In every
 * round a lane may use its share of the time budget so far; what it overdrew is missing from its next ones.
 */
export function shuffledRounds({ rounds, budgetMs, maxQueries, random }: RoundOptions): Schedule {
  return {
    rounds,
    *turns(lanes) {
      const source = random()
      for (let round = 0; round < rounds; round++) {
        const share = (round + 1) / rounds
        for (const lane of shuffledIndexes(lanes.length, source)) {
          yield {
            lane,
            round,
            isOver: (_turn, { count, ms }) =>
              count >= leastQueries * share && (ms >= budgetMs * share || count >= maxQueries * share),
          }
        }
      }
    },
  }
}
