import { describe, expect, it } from 'vitest'
import { createSamples, type Lane } from '#src/measure/lane.js'
import { QueryCursor } from '#src/measure/query-cursor.js'
import { measureRounds } from '#src/measure/rounds.js'
import { isSteady, warmUp } from '#src/measure/warm-up.js'
import { silent } from '#src/progress.js'
import { shuffledIndexes } from '#src/stats/random.js'
import { createLineDataset, PlainPath, seeded } from './plain-path.js'

const dataset = createLineDataset(
  50,
  Array.from({ length: 30 }, (_, i) => i + 0.25),
)
const order = shuffledIndexes(30, seeded())
const sequence = Array.from(order, (row) => row + 0.25)

function createLane(path: PlainPath, variant = {}): Lane {
  const cursor = new QueryCursor(dataset.queries, order, path.batchSize)
  return { path, prepared: { variant }, cursor, samples: createSamples() }
}

const options = () => ({
  rounds: 5,
  budgetMs: 50,
  maxQueries: 1000,
  random: seeded(),
  progress: silent,
  signal: new AbortController().signal,
})

describe('interleaved rounds', () => {
  it('give every lane the same sequence of queries, however slow it is', async () => {
    const fast = new PlainPath(dataset, 3)
    const slow = new PlainPath(dataset, 3, { pauseMs: 5 })
    await measureRounds([createLane(fast), createLane(slow)], options())
    const cycle = (length: number) => Array.from({ length }, (_, i) => sequence[i % sequence.length])
    expect(fast.asked).toEqual(cycle(fast.asked.length))
    expect(slow.asked).toEqual(cycle(slow.asked.length))
    expect(slow.asked.length).toBeLessThan(fast.asked.length)
  })

  it('measure the slowest lane too, with at least ten queries', async () => {
    const slow = createLane(new PlainPath(dataset, 3, { pauseMs: 30 }))
    await measureRounds([slow], options())
    expect(slow.samples.count).toBe(10)
    expect(slow.samples.rounds.map((round) => round.length)).toEqual([2, 2, 2, 2, 2])
  })

  it('stop at the number of queries asked for, spread over the rounds', async () => {
    const lane = createLane(new PlainPath(dataset, 3))
    await measureRounds([lane], { ...options(), budgetMs: 60_000, maxQueries: 100 })
    expect(lane.samples.rounds.map((round) => round.length)).toEqual([20, 20, 20, 20, 20])
  })

  it('visit all lanes in every round, in an order that changes and that the seed repeats', async () => {
    const visit = async () => {
      const path = new PlainPath(dataset, 3)
      const lanes = [1, 2, 3, 4].map((lane) => createLane(path, { lane }))
      await measureRounds(lanes, { ...options(), maxQueries: 10 })
      return path.used.map((variant) => Number(variant['lane']))
    }
    const visits = await visit()
    const rounds = Array.from({ length: 5 }, (_, round) => visits.slice(4 * round, 4 * round + 4))
    for (const round of rounds) expect([...round].sort()).toEqual([1, 2, 3, 4])
    expect(new Set(rounds.map(String)).size).toBeGreaterThan(1)
    expect(await visit()).toEqual(visits)
  })

  it('divide the time of a batch and keep the hits of each of its queries', async () => {
    const lane = createLane(new PlainPath(dataset, 3, { batchSize: 6, pauseMs: 12 }))
    await measureRounds([lane], { ...options(), maxQueries: 30, budgetMs: 60_000 })
    expect(lane.samples.count).toBe(30)
    expect(lane.samples.hits.size).toBe(30)
    expect(Array.from(lane.samples.hits.get(7)!)).toEqual([7, 8, 6])
    for (const ms of lane.samples.rounds.flatMap((round) => [...round])) expect(ms).toBeGreaterThan(1.8)
    expect(lane.samples.spentMs).toBeGreaterThan(5 * 11)
  })

  it('end at once when the run is stopped', async () => {
    const controller = new AbortController()
    const lane = createLane(new PlainPath(dataset, 3, { pauseMs: 1 }))
    const run = measureRounds([lane], { ...options(), budgetMs: 60_000, signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    await expect(run).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })
})

describe('warming up', () => {
  it('goes on while queries get faster, and ends when they do not', () => {
    expect(isSteady([10, 8, 6, 4])).toBe(false)
    expect(isSteady([10, 8, 4, 4])).toBe(false)
    expect(isSteady([10, 4, 4.1, 3.9, 4])).toBe(true)
    expect(isSteady([4, 4, 5, 6])).toBe(true)
    expect(isSteady([4, 4, 4])).toBe(false)
  })

  it('leaves the cursor of the lane where it was', async () => {
    const path = new PlainPath(dataset, 3)
    const lane = createLane(path)
    const cursor = new QueryCursor(dataset.queries, order.slice().reverse(), 1)
    const steadiness = await warmUp(lane, cursor, 2000, options().signal)
    expect(steadiness).toBe('steady')
    expect(path.asked[0]).toBe(sequence.at(-1))
    expect(lane.cursor.next().rows[0]).toBe(order[0])
    expect(lane.samples.count).toBe(0)
  })

  it('says so when there was no time to know', async () => {
    const lane = createLane(new PlainPath(dataset, 3, { pauseMs: 40 }))
    const cursor = new QueryCursor(dataset.queries, order, 1)
    expect(await warmUp(lane, cursor, 1, options().signal)).toBe('unknown')
  })
})
