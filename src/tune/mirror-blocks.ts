import type { LaneRecord, TurnRecord } from '../measure/lane/lane-run.js'
import type { Schedule } from '../measure/schedule/schedule.js'
import { type Random, shuffledIndexes } from '../stats/random.js'
import { percentile, sortSamples } from '../stats/samples.js'
import type { Goal } from './request.js'

export interface MirrorOptions {
  readonly blocks: number
  /** Time of a turn, at the incumbent's pace. */
  readonly turnMs: number
  /** Of each turn, however slow; recall is one over all queries that were asked. */
  readonly leastQueries?: number
  /** A fresh source of random numbers. */
  random(): Random
}

/** A turn of the slowest path still has so many queries. */
const usualLeast = 4
const mostQueries = 2000
/** A challenger that is so many times slower than the incumbent has said what there is to say. */
const mostTimesSlower = 8

/**
 * Lane 0 is the incumbent, the others its challengers. A block has all of them in an order of its own, and then in the
 * reverse of it, over the same queries: a drift of the machine that is even over a block falls on all of them alike.
 */
export function mirrorBlocks({ blocks, turnMs, leastQueries = usualLeast, random }: MirrorOptions): Schedule {
  return {
    rounds: blocks,
    *turns(lanes) {
      const source = random()
      for (let round = 0; round < blocks; round++) {
        const order = Array.from(shuffledIndexes(lanes.length, source))
        for (const lane of [...order, ...order.toReversed()]) {
          yield {
            lane,
            round,
            pacedBy: 0,
            start: (queries) => round * queries,
            quota: (msPerQuery) => ({
              queries: Math.min(mostQueries, Math.max(leastQueries, Math.round(turnMs / msPerQuery))),
              limitMs: 2 * blocks * Math.max(turnMs, leastQueries * msPerQuery) * mostTimesSlower,
            }),
          }
        }
      }
    },
  }
}

/** log(incumbent's time / challenger's) of each block that both have: above 0 is faster. */
export function compareBlocks(incumbent: LaneRecord, challenger: LaneRecord, goal: Goal): number[] {
  const rounds = [...new Set(challenger.turns.map(({ round }) => round))]
  return rounds.flatMap((round) => {
    const [before, after] = [incumbent, challenger].map(({ turns }) =>
      turns.filter((turn) => turn.round === round),
    ) as [TurnRecord[], TurnRecord[]]
    const isWhole = before.length === 2 && after.length === 2 && after.every(({ count }) => count > 0)
    return isWhole ? [Math.log(score(before, goal) / score(after, goal))] : []
  })
}

/** Less is better: milliseconds of the clock for a query of all clients together, or the 95th percentile of a query's time. */
function score(turns: readonly TurnRecord[], goal: Goal): number {
  if (goal === 'p95') return percentile(sortSamples(turns.flatMap(({ times }) => [...times])), 95)
  const queries = turns.reduce((sum, { count }) => sum + count, 0)
  return turns.reduce((sum, { wallMs }) => sum + wallMs, 0) / queries
}
