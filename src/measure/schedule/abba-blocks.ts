import { invalidArgument } from '../../errors.js'
import { type Random, shuffledIndexes } from '../../stats/random.js'
import { type Lane, nameLane, rowKey } from '../lane/lane.js'
import type { Schedule } from './schedule.js'

export interface BlockOptions {
  readonly blocks: number
  /**
   * Queries of each of the four turns in a block, for a lane of `baseArm` and its counterpart.
   * @param msPerQuery what a query took at the end of the warm-up of the lane of `baseArm`.
   */
  queriesOf(lane: Lane, msPerQuery: number): number
  /** The arm that the other one is compared with. */
  readonly baseArm: string
  /** A fresh source of random numbers. */
  random(): Random
}

/**
 * Two arms, row against row, in blocks of four turns: base, head, head, base, or the other way round, as drawn for each
 * block. A drift of the machine that is even over a block then falls on both alike. All four turns search the same
 * queries, as many in each, and the next block the queries after them. A block's ratio is one observation.
 * @throws ERR_INVALID_ARGUMENT for a lane without a counterpart.
 */
export function abbaBlocks({ blocks, queriesOf, baseArm, random }: BlockOptions): Schedule {
  return {
    rounds: blocks,
    *turns(lanes) {
      const pairs = pairUp(lanes, baseArm)
      const source = random()
      for (let round = 0; round < blocks; round++) {
        for (const index of shuffledIndexes(pairs.length, source)) {
          const [base, head] = pairs[index]!
          const [first, second] = source.below(2) === 0 ? [base, head] : [head, base]
          const quota = (msPerQuery: number) => ({ queries: queriesOf(lanes[base]!, msPerQuery) })
          for (const lane of [first, second, second, first]) {
            yield { lane, round, pacedBy: base, start: (queries) => round * queries, quota }
          }
        }
      }
    },
  }
}

/** Indexes of the lanes of `baseArm`, and of those that measure the same of the other arm. */
function pairUp(lanes: readonly Lane[], baseArm: string): [base: number, head: number][] {
  const heads = new Map(lanes.flatMap((lane, i) => (lane.arm === baseArm ? [] : [[rowKey(lane), i]])))
  const pairs = lanes.flatMap((lane, base): [number, number][] => {
    const head = lane.arm === baseArm ? heads.get(rowKey(lane)) : undefined
    return head === undefined ? [] : [[base, head]]
  })
  const paired = new Set(pairs.flat())
  const alone = lanes.find((_, i) => !paired.has(i))
  if (alone === undefined) return pairs
  throw invalidArgument('the lanes', 'pairs of lanes of two arms', `${alone.arm} ${nameLane(alone)} alone`)
}
