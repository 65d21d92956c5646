import { throwIfAborted } from '../errors.js'
import type { Progress } from '../progress.js'
import { type Random, shuffledIndexes } from '../stats/random.js'
import type { Lane } from './lane.js'

export interface RoundOptions {
  readonly rounds: number
  readonly budgetMs: number
  readonly maxQueries: number
  readonly random: Random
  readonly progress: Progress
  readonly signal: AbortSignal
  /** What is measured of the machine itself, as often as the lanes. */
  readonly beforeRound?: () => Promise<void>
}

/**
 * Measures all lanes in interleaved rounds, each in an order of its own: what happens to the machine during a run
 * (another tenant, a lower clock, a checkpoint) then falls on all rows alike and not on the one that was running.
 * In every round a lane may use its share of the time budget so far; what it overdrew is missing from its next ones.
 */
export async function measureRounds(lanes: readonly Lane[], options: RoundOptions): Promise<void> {
  for (let round = 0; round < options.rounds; round++) {
    await options.beforeRound?.()
    const order = shuffledIndexes(lanes.length, options.random)
    for (const [position, index] of order.entries()) {
      options.progress.step('Measuring', round * lanes.length + position, options.rounds * lanes.length)
      await measureTurn(lanes[index]!, round, options)
    }
  }
  options.progress.step('Measuring', options.rounds * lanes.length, options.rounds * lanes.length)
}

/** Lanes of the slowest paths still get this many queries, whatever they cost: fewer say nothing. */
const leastQueries = 10

async function measureTurn(lane: Lane, round: number, options: RoundOptions): Promise<void> {
  const { samples, path } = lane
  const share = (round + 1) / options.rounds
  const untilMs = options.budgetMs * share
  const untilCount = options.maxQueries * share
  const leastCount = leastQueries * share
  const times: number[] = []
  const rows: number[] = []
  await path.use(lane.prepared.variant)
  while (samples.count < leastCount || (samples.spentMs < untilMs && samples.count < untilCount)) {
    throwIfAborted(options.signal)
    const batch = lane.cursor.next()
    const start = performance.now()
    const hits = await path.search(batch.vectors)
    const ms = performance.now() - start
    samples.spentMs += ms
    samples.count += batch.rows.length
    times.push(ms / batch.rows.length)
    rows.push(batch.rows[0]!)
    for (const [i, row] of batch.rows.entries()) {
      if (!samples.hits.has(row)) samples.hits.set(row, hits[i]!)
    }
  }
  samples.rounds.push(Float64Array.from(times))
  samples.queryRows.push(Uint32Array.from(rows))
}
