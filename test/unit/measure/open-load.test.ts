import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { listWarnings } from '#src/measure/caveats/warnings.js'
import { closed } from '#src/measure/load/closed.js'
import { listLoads } from '#src/measure/load/list-loads.js'
import { drawArrivals, open } from '#src/measure/load/open.js'
import { measure } from '#src/measure/measure.js'
import { shuffledRounds } from '#src/measure/schedule/shuffled-rounds.js'
import { summariseLane } from '#src/measure/summarise.js'
import type { Searcher } from '#src/paths/search-path.js'
import { silent } from '#src/progress.js'
import { percentile, sortSamples } from '#src/stats/samples.js'
import { createLineDataset, laneOf, PlainCorpus, type PlainOptions, seeded, truthOf } from './plain-corpus.js'

const signal = new AbortController().signal
const vectors = new Float32Array(2)

/** So many calls of one query each. */
function turnOf(calls: number, begun = () => true) {
  let left = calls
  return {
    calls,
    next: () => (left-- > 0 && begun() ? { rows: Uint32Array.of(0), vectors } : undefined),
  }
}

/** Answers at once, but for one call, which takes `stallMs`. */
function stalling(at: number, stallMs: number): () => Promise<Searcher> {
  let count = 0
  return async () => ({
    settings: {},
    search: async () => {
      if (++count === at) await sleep(stallMs)
      return [Uint32Array.of(0)]
    },
    explain: async () => undefined,
    close: async () => undefined,
  })
}

const p99 = (times: Float64Array) => percentile(sortSamples(times), 99)

describe('coordinated omission', () => {
  it('is visible: a stall of 1.4 s at 2,000 queries/s is in the p99 of an open loop, and not in that of a closed one', async () => {
    const [asked, waited] = [
      await open(2000, 1, seeded()).run(stalling(200, 1400), turnOf(3000), signal),
      await closed(1).run(stalling(200, 1400), turnOf(3000), signal),
    ]
    expect([asked.count, waited.count]).toEqual([3000, 3000])
    expect(p99(asked.times)).toBeGreaterThan(1000)
    expect(p99(waited.times)).toBeLessThan(100)
    // The stall is over before the last arrival, and the queue with it.
    expect(asked.arrivals!.waiting).toBeLessThan(3000 * 0.5)
    expect(asked.arrivals!.lagsMs).toHaveLength(3000)
  })
})

describe('arrivals', () => {
  it('come at random, at the rate, and the same ones for a seed', () => {
    const arrivals = drawArrivals(20_000, 500, seeded())
    expect(arrivals).toEqual(drawArrivals(20_000, 500, seeded()))
    const gaps = sortSamples(Array.from(arrivals.subarray(1), (at, i) => at - arrivals[i]!))
    // Exponential with a mean of 2 ms: its median is ln 2 of that.
    expect(arrivals.at(-1)! / (arrivals.length - 1)).toBeCloseTo(2, 1)
    expect(percentile(gaps, 50)).toBeCloseTo(2 * Math.LN2, 1)
    expect(percentile(gaps, 99)).toBeCloseTo(2 * Math.log(100), 0)
  })

  it('are served by several clients at once', async () => {
    let [now, most] = [0, 0]
    const searcher: Searcher = {
      settings: {},
      search: async () => {
        most = Math.max(most, ++now)
        await sleep(20)
        now--
        return [Uint32Array.of(0)]
      },
      explain: async () => undefined,
      close: async () => undefined,
    }
    const { count, wallMs } = await open(1000, 4, seeded()).run(async () => searcher, turnOf(40), signal)
    expect([count, most]).toEqual([40, 4])
    expect(wallMs).toBeLessThan(40 * 20)
  })

  it('that nobody serves before the time of a turn is up are not measured, but counted as waiting', async () => {
    const started = performance.now()
    const inTime = turnOf(200, () => performance.now() - started < 300)
    const slow = async (): Promise<Searcher> => ({
      ...(await stalling(-1, 0)()),
      search: async () => {
        await sleep(20)
        return [Uint32Array.of(0)]
      },
    })
    const samples = await open(1000, 1, seeded()).run(slow, inTime, signal)
    expect(samples.count).toBeLessThan(30)
    expect(samples.arrivals!.waiting).toBeGreaterThan(150)
  })

  it('end with the first search that fails, after those under way', async () => {
    let closing = 0
    const failing = async (): Promise<Searcher> => ({
      settings: {},
      search: async () => {
        if (closing > 0) throw new Error('the disk is full')
        closing++
        await sleep(30)
        closing++
        return [Uint32Array.of(0)]
      },
      explain: async () => undefined,
      close: async () => undefined,
    })
    await expect(open(2000, 2, seeded()).run(failing, turnOf(10_000), signal)).rejects.toThrow(
      'the disk is full',
    )
    expect(closing).toBe(2)
  })

  it.each([0, 500])('end at an abort, %i ms after the start', async (afterMs) => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), afterMs)
    const started = performance.now()
    // Without the abort, 100 s.
    await expect(
      open(10, 1, seeded()).run(stalling(-1, 0), turnOf(1000), controller.signal),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

const dataset = createLineDataset(50, [0.25, 1.25, 2.25])

async function measureUnder(rate: number, options: PlainOptions = {}) {
  const lane = laneOf(new PlainCorpus(dataset, 3, options), { load: open(rate, 2, seeded()) })
  const { records } = await measure(
    [lane],
    shuffledRounds({ rounds: 2, budgetMs: 300, maxQueries: 10_000, random: seeded }),
    {
      ...{ queries: dataset.queries, order: Uint32Array.of(0, 1, 2), warmUpMs: 0, progress: silent, signal },
      explainFailure: async (error: unknown) => String(error),
    },
  )
  return records[0]!
}

describe('a row of an open loop', () => {
  it('asks as many queries as arrive in its time, and says how late the generator was', async () => {
    const record = await measureUnder(200)
    // 300 ms at 200/s.
    expect(record.turns.map(({ count }) => count)).toEqual([30, 30])
    const truth = truthOf(dataset, 3)
    const row = summariseLane(record, { dataset, truth, random: seeded(), readBandwidthGBps: 10 })
    expect(row).toMatchObject({
      status: 'ok',
      load: { kind: 'open', rate: 200, clients: 2, waiting: expect.any(Number) },
      recall: { mean: 1 },
      queries: 60,
    })
    if (row.status !== 'ok' || row.load.kind !== 'open') throw new Error('not measured')
    expect(row.load.lag.p99Ms).toBeGreaterThanOrEqual(0)
    expect(row.qps.value).toBeGreaterThan(50)
    expect(row.qps.value).toBeLessThan(450)
    expect(listWarnings({ records: [record] }).join()).not.toContain('did not keep up')
  })

  it('whose answers do not keep up says so', async () => {
    // Two clients of 20 ms each give 100 answers/s.
    const record = await measureUnder(1000, { pauseMs: 20 })
    expect(listWarnings({ records: [record] })).toContainEqual(
      expect.stringMatching(
        /Answers did not keep up with arrivals: addon-exact at 1000\/s \(\d+ % still waited/,
      ),
    )
  })
})

it('without --clients there is one client, beside rates as well', () => {
  expect(listLoads({}, 1).map(({ shape }) => shape)).toEqual([{ kind: 'closed', clients: 1 }])
  expect(listLoads({ rates: [50] }, 1).map(({ shape }) => shape)).toEqual([
    { kind: 'closed', clients: 1 },
    { kind: 'open', rate: 50, clients: 8 },
  ])
  expect(listLoads({ clients: [2, 16], rates: [50] }, 1).map(({ shape }) => shape.clients)).toEqual([
    2, 16, 16,
  ])
})
