import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { listWarnings } from '#src/measure/caveats/warnings.js'
import type { Lane } from '#src/measure/lane/lane.js'
import { LaneJournal } from '#src/measure/lane/lane-journal.js'
import { LaneRun } from '#src/measure/lane/lane-run.js'
import { closed } from '#src/measure/load/closed.js'
import { QueryCursor } from '#src/measure/load/query-cursor.js'
import { measure } from '#src/measure/measure.js'
import { abbaBlocks } from '#src/measure/schedule/abba-blocks.js'
import { shuffledRounds } from '#src/measure/schedule/shuffled-rounds.js'
import { isSteady, readPace, warmUp } from '#src/measure/warm-up.js'
import { silent } from '#src/progress.js'
import { Journal } from '#src/result/journal.js'
import { shuffledIndexes } from '#src/stats/random.js'
import { createLineDataset, laneOf, PlainCorpus, type PlainOptions, seeded } from './plain-corpus.js'

const dataset = createLineDataset(
  50,
  Array.from({ length: 30 }, (_, i) => i + 0.25),
)
const order = shuffledIndexes(30, seeded())
const sequence = Array.from(order, (row) => row + 0.25)
const cycle = (length: number, start = 0) =>
  Array.from({ length }, (_, i) => sequence[(start + i) % sequence.length])

const plain = (options: PlainOptions = {}) => new PlainCorpus(dataset, 3, options)
const rounds = (extra = {}) =>
  shuffledRounds({ rounds: 5, budgetMs: 50, maxQueries: 1000, random: seeded, ...extra })

const options = () => ({
  queries: dataset.queries,
  order,
  // One window, whose queries are the last of the order.
  warmUpMs: 0,
  progress: silent,
  signal: new AbortController().signal,
  explainFailure: async (error: unknown) => {
    if (error instanceof SimdgresError) throw error
    return (error as Error).message
  },
})

/** Measures without warming up, so that a corpus is asked nothing but what counts. */
async function measureTurns(lanes: readonly Lane[], schedule = rounds(), extra = {}) {
  const runs = await measure(lanes, schedule, { ...options(), ...extra })
  return runs.records
}

/** What a corpus was asked after its warm-up. */
function askedIn(corpus: PlainCorpus, count: number): number[] {
  return corpus.asked.slice(corpus.asked.length - count)
}

describe('interleaved rounds', () => {
  it('give every lane the same sequence of queries, however slow it is', async () => {
    const [fast, slow] = [plain(), plain({ pauseMs: 5 })]
    const records = await measureTurns([laneOf(fast), laneOf(slow)])
    const counts = records.map(({ turns }) => turns.reduce((sum, { count }) => sum + count, 0))
    expect(askedIn(fast, counts[0]!)).toEqual(cycle(counts[0]!))
    expect(askedIn(slow, counts[1]!)).toEqual(cycle(counts[1]!))
    expect(counts[1]).toBeLessThan(counts[0]!)
  })

  it('measure the slowest lane too, with at least ten queries', async () => {
    const [slow] = await measureTurns([laneOf(plain({ pauseMs: 30 }))])
    expect(slow!.turns.map(({ times }) => times.length)).toEqual([2, 2, 2, 2, 2])
  })

  it('stop at the number of queries asked for, spread over the rounds', async () => {
    const schedule = rounds({ budgetMs: 60_000, maxQueries: 100 })
    const [record] = await measureTurns([laneOf(plain())], schedule)
    expect(record!.turns.map(({ times }) => times.length)).toEqual([20, 20, 20, 20, 20])
    expect(record!.turns.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4])
  })

  it('ask as many queries while the machine is slow as while it is quick', async () => {
    let pauseMs = 2
    let round = -1
    const corpus = plain({
      get pauseMs() {
        return pauseMs
      },
    })
    const beforeRound = async () => {
      pauseMs = ++round === 2 ? 6 : 2
    }
    const [record] = await measureTurns([laneOf(corpus)], rounds({ budgetMs: 400 }), { beforeRound })
    const counts = record!.turns.map(({ count }) => count)
    expect(new Set(counts).size).toBe(1)
    expect(counts[0]).toBeGreaterThanOrEqual(2)
    expect(record!.turns[2]!.wallMs).toBeGreaterThan(5 * counts[0]!)
    expect(listWarnings({ records: [record!] }).join()).not.toContain('cut short')
  })

  it('end a lane that takes twice as long as planned, and say so', async () => {
    let pauseMs = 1
    const corpus = plain({
      get pauseMs() {
        return pauseMs
      },
    })
    const beforeRound = async () => {
      pauseMs = 30
    }
    const [record] = await measureTurns([laneOf(corpus)], rounds({ budgetMs: 100 }), { beforeRound })
    const { turns } = record!
    expect(turns[0]!.count).toBeGreaterThan(0)
    expect(turns.reduce((sum, { wallMs }) => sum + wallMs, 0)).toBeLessThan(400)
    expect(turns.filter(({ isCut }) => isCut).length).toBeGreaterThan(2)
    expect(listWarnings({ records: [record!] }).join()).toMatch(
      /Took much longer than .*: addon-exact \(\d+ of its \d+ rounds\) were cut short/,
    )
  })

  it('have as many queries after a killed run goes on, however fast it is then', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simdgres-journal-'))
    const cacheFolder = process.env['SIMDGRES_CACHE']
    process.env['SIMDGRES_CACHE'] = folder
    const journals: Journal[] = []
    try {
      const open = async () => {
        const journal = (await Journal.open('measure', 'test', silent))!
        journals.push(journal)
        return new LaneJournal(journal)
      }
      let begun = 0
      const beforeRound = async () => {
        if (++begun === 3) throw new SimdgresError('ERR_ABORTED', 'stopped', 'Start it again.')
      }
      const before = await measure([laneOf(plain({ pauseMs: 4 }))], rounds(), {
        ...options(),
        beforeRound,
        journal: await open(),
      })
      const [after] = await measureTurns([laneOf(plain())], rounds(), { journal: await open() })
      expect(before.records[0]!.turns).toHaveLength(2)
      expect(after!.turns).toHaveLength(5)
      expect(new Set(after!.turns.map(({ count }) => count)).size).toBe(1)
    } finally {
      for (const journal of journals) await journal.remove()
      if (cacheFolder === undefined) delete process.env['SIMDGRES_CACHE']
      else process.env['SIMDGRES_CACHE'] = cacheFolder
      rmSync(folder, { recursive: true })
    }
  })

  it('visit all lanes in every round, in an order that changes and that the seed repeats', () => {
    const lanes = [1, 2, 3, 4].map((lane) => laneOf(plain({ design: { lane } })))
    const visit = () => [...rounds().turns(lanes)].map(({ lane }) => lane)
    const visits = visit()
    const each = Array.from({ length: 5 }, (_, round) => visits.slice(4 * round, 4 * round + 4))
    for (const round of each) expect([...round].sort()).toEqual([0, 1, 2, 3])
    expect(new Set(each.map(String)).size).toBeGreaterThan(1)
    expect(visit()).toEqual(visits)
  })

  it('ask a corpus only what it can answer', async () => {
    const corpus = Object.assign(plain(), { queryRows: new Set([3, 7, 20]) })
    const schedule = rounds({ budgetMs: 60_000, maxQueries: 30 })
    const [record] = await measureTurns([laneOf(corpus)], schedule)
    expect(record!.turns.map(({ count }) => count)).toEqual([6, 6, 6, 6, 6])
    expect([...record!.hits.keys()].sort((a, b) => a - b)).toEqual([3, 7, 20])
    expect(new Set(corpus.asked)).toEqual(new Set([3.25, 7.25, 20.25]))
  })

  it('divide the time of a batch and keep the hits of each of its queries', async () => {
    const schedule = rounds({ budgetMs: 60_000, maxQueries: 30 })
    const [record] = await measureTurns([laneOf(plain({ batchSize: 6, pauseMs: 12 }))], schedule)
    expect(record!.turns.reduce((sum, { count }) => sum + count, 0)).toBe(30)
    expect(record!.hits.size).toBe(30)
    expect(Array.from(record!.hits.get(7)!)).toEqual([7, 8, 6])
    for (const ms of record!.turns.flatMap(({ times }) => [...times])) expect(ms).toBeGreaterThan(1.8)
    expect(record!.turns.reduce((sum, { wallMs }) => sum + wallMs, 0)).toBeGreaterThan(5 * 11)
  })

  it('end at once when the run is stopped before anything was measured', async () => {
    const controller = new AbortController()
    const corpus = plain({ pauseMs: 1 })
    const { signal } = controller
    const run = measure([laneOf(corpus)], rounds({ budgetMs: 60_000 }), { ...options(), signal })
    setTimeout(() => controller.abort(), 20)
    await expect(run).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(corpus.openCount).toBe(0)
  })

  it('give what was measured when the run is stopped later, without the turn that was cut off', async () => {
    const controller = new AbortController()
    const { signal } = controller
    let begun = 0
    const beforeRound = async () => {
      if (++begun === 3) controller.abort()
    }
    const { records, isComplete } = await measure([laneOf(plain())], rounds(), {
      ...options(),
      signal,
      beforeRound,
    })
    expect(isComplete).toBe(false)
    expect(records[0]!.turns.map(({ round }) => round)).toEqual([0, 1])
    expect(records[0]!.failure).toBeUndefined()
  })
})

describe('a lane that fails', () => {
  it.each([
    ['in its warm-up', 0],
    ['in a round', 40],
  ])('%s says why, and the others go on', async (_when, after) => {
    const error = new Error('it holds 16,000 dimensions at most')
    const [broken, whole] = [plain({ pauseMs: 5, failure: { after, error } }), plain()]
    const schedule = rounds({ budgetMs: 60_000, maxQueries: 100 })
    const records = await measureTurns([laneOf(broken), laneOf(whole)], schedule)
    expect(records.map(({ failure }) => failure)).toEqual([error.message, undefined])
    expect(records[1]!.turns).toHaveLength(5)
    expect([broken.openCount, whole.openCount]).toEqual([0, 0])
  })

  it('ends the run where nothing else could go on', async () => {
    const error = new SimdgresError('ERR_LOST_CONNECTION', 'gone', 'Look at its log.')
    const [broken, whole] = [plain({ failure: { after: 0, error } }), plain()]
    await expect(measureTurns([laneOf(broken), laneOf(whole)])).rejects.toBe(error)
    expect(whole.openCount).toBe(0)
  })
})

describe('a closed load', () => {
  it('has as many searchers as clients, which share the queries and search at once', async () => {
    const corpus = plain({ pauseMs: 3 })
    const schedule = rounds({ budgetMs: 60_000, maxQueries: 40 })
    const [record] = await measureTurns([laneOf(corpus, { load: closed(4) })], schedule)
    expect(corpus.opened).toHaveLength(4)
    expect(corpus.mostAtOnce).toBe(4)
    expect(record!.turns.map(({ count }) => count)).toEqual([8, 8, 8, 8, 8])
    expect(askedIn(corpus, 40)).toEqual(cycle(40))
    expect(corpus.openCount).toBe(0)
  })

  it('ends when one client fails, after the others have their answers', async () => {
    const corpus = plain({ pauseMs: 2, failure: { after: 8, error: new Error('full') } })
    const [record] = await measureTurns([laneOf(corpus, { load: closed(3) })])
    expect(record!.failure).toBe('full')
    expect(corpus.openCount).toBe(0)
  })
})

describe('blocks of two arms', () => {
  const [base, head] = [plain({ design: { m: 16 } }), plain({ design: { m: 16 } })]
  const lanes = [
    laneOf(base, { arm: 'base' }),
    laneOf(head, { arm: 'head' }),
    laneOf(plain({ id: 'null' }), { arm: 'head' }),
    laneOf(plain({ id: 'null' }), { arm: 'base' }),
  ]
  const blocks = (extra = {}) =>
    abbaBlocks({ blocks: 20, queriesOf: () => 7, baseArm: 'base', random: seeded, ...extra })

  it('are ABBA or BAAB, drawn for each, of lanes that measure the same', () => {
    const turns = [...blocks().turns(lanes)]
    expect(turns).toHaveLength(20 * 2 * 4)
    const drawn = Array.from({ length: 40 }, (_, i) => turns.slice(4 * i, 4 * i + 4))
    for (const block of drawn) {
      const [a, b, c, d] = block.map(({ lane }) => lane)
      expect([a, b]).toEqual([d, c])
      expect([
        [0, 1],
        [2, 3],
      ]).toContainEqual([a!, b!].sort())
      expect(new Set(block.map(({ round }) => round)).size).toBe(1)
    }
    const firsts = drawn.map(([first]) => lanes[first!.lane]!.arm)
    expect(firsts.filter((arm) => arm === 'base').length).toBeGreaterThan(10)
    expect(firsts.filter((arm) => arm === 'head').length).toBeGreaterThan(10)
    expect([...blocks().turns(lanes)].map(({ lane }) => lane)).toEqual(turns.map(({ lane }) => lane))
  })

  it('search the same queries in all four turns, and others in the next block', async () => {
    const records = await measureTurns(lanes.slice(0, 2), blocks({ blocks: 3 }))
    for (const { turns } of records) {
      expect(turns.map(({ round, count }) => [round, count])).toEqual(
        [0, 0, 1, 1, 2, 2].map((round) => [round, 7]),
      )
      const rows = (block: number) => Array.from({ length: 7 }, (_, i) => order[(7 * block + i) % 30])
      for (const { round, queryRows } of turns) expect([...queryRows]).toEqual(rows(round))
    }
  })

  it('refuse a lane that the other arm lacks, by its name', () => {
    expect(() => [...blocks().turns(lanes.slice(0, 3))]).toThrowError(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('head null alone'),
      }),
    )
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

  it('knows how fast a lane has become, whatever one stall says', () => {
    expect(readPace([90, 12, 4, 4, 4, 40])).toBe(4)
    expect(readPace([10, 6])).toBe(8)
    expect(readPace([500])).toBe(500)
  })

  it('leaves the lane where it was', async () => {
    const corpus = plain()
    const run = new LaneRun(laneOf(corpus), dataset.queries, order)
    const cursor = new QueryCursor(dataset.queries, order.slice().reverse(), 1)
    expect(await warmUp(run, cursor, 2000, options().signal)).toMatchObject({ steadiness: 'steady' })
    expect(corpus.asked[0]).toBe(sequence.at(-1))
    const quota = { queries: 1 }
    const turn = { lane: 0, round: 0, quota: () => quota }
    const { queryRows } = await run.measure(turn, quota, options().signal)
    expect(queryRows).toEqual(Uint32Array.of(order[0]!))
    expect(run.turns).toHaveLength(1)
  })

  it('says so when there was no time to know', async () => {
    const run = new LaneRun(laneOf(plain({ pauseMs: 40 })), dataset.queries, order)
    const cursor = new QueryCursor(dataset.queries, order, 1)
    expect(await warmUp(run, cursor, 1, options().signal)).toMatchObject({ steadiness: 'unknown' })
  })
})
