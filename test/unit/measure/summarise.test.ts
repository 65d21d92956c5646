import { describe, expect, it } from 'vitest'
import type { LaneRecord } from '#src/measure/lane/lane-run.js'
import { closed } from '#src/measure/load/closed.js'
import { collectSamples } from '#src/measure/raw-samples.js'
import { compareLanes, summariseLane } from '#src/measure/summarise.js'
import { failedSchema, type Measurement, measurementSchema } from '#src/result/schema.js'
import { createLineDataset, laneOf, PlainCorpus, seeded } from './plain-corpus.js'

const dataset = createLineDataset(1000, [10, 20])
const truth = { k: 1, ids: Uint32Array.of(10, 20), distances: Float64Array.of(0, 0) }

function recordOf(id: string, rounds: readonly number[][], variant = {}, clients = 1): LaneRecord {
  const corpus = new PlainCorpus(dataset, 1, { id, searches: id !== 'null' })
  const turns = rounds.map((times, round) => ({
    round,
    isCut: false,
    clientUse: 0.1,
    times: Float64Array.from(times),
    queryRows: Uint32Array.from(times, (_, i) => i % 2),
    count: times.length,
    wallMs: 1,
    hits: new Map(),
  }))
  return {
    lane: laneOf(corpus, { variant, load: closed(clients) }),
    facts: { settings: { jit: 'off' }, isUnsteady: false, msPerQuery: 1 },
    turns,
    hits: new Map([
      [0, Uint32Array.of(10)],
      [1, Uint32Array.of(21)],
    ]),
  }
}

const context = { dataset, truth, random: seeded(), readBandwidthGBps: 10 }
function measured(record: LaneRecord): Measurement {
  const row = summariseLane(record, context)
  expect(measurementSchema.parse(row)).toEqual(row)
  return row as Measurement
}

describe('a row of the result', () => {
  const twoRounds = [
    [1, 2],
    [3, 4],
  ]

  it('has the percentiles, the mean and the throughput of its samples', () => {
    const row = measured(recordOf('addon-exact', twoRounds, { threads: 1 }))
    expect(row.latencyMs).toMatchObject({ p50: 2.5, mean: 2.5, averagedOver: 1 })
    expect(row.qps.value).toBe(400)
    expect(row.qps.ci95[0]).toBeCloseTo(1000 / row.latencyMs.ci95[1], 9)
    expect(row).toMatchObject({ params: { threads: 1 }, queries: 4, calls: 4, distinctQueries: 2 })
    expect(row).toMatchObject({
      arm: 'bench',
      load: { kind: 'closed', clients: 1 },
      settings: { jit: 'off' },
    })
    expect(row.recall?.mean).toBe(0.5)
  })

  it('counts the answers of all clients of a closed loop', () => {
    expect(measured(recordOf('addon-exact', twoRounds, {}, 8)).qps.value).toBe(3200)
  })

  it.each([
    [199, ['p50']],
    [200, ['p50', 'p95']],
    [999, ['p50', 'p95']],
    [1000, ['p50', 'p95', 'p99']],
  ])('of %i calls has the percentiles that these can show', (calls, names) => {
    const times = Array.from({ length: calls }, (_, i) => i + 1)
    const { latencyMs } = measured(recordOf('addon-exact', [times]))
    const shown = (of: object) =>
      Object.keys(of).filter((name) => /^p\d/.test(name) && name !== 'percentilesCi95')
    expect(shown(latencyMs)).toEqual(names)
    expect(shown(latencyMs.percentilesCi95)).toEqual(names)
    if (latencyMs.p99 !== undefined) expect(latencyMs.p99).toBeCloseTo(990.01, 9)
  })

  it('relates the bytes of the scan to the read bandwidth', () => {
    // 1000 x 2 x 4 bytes in 2.5 ms are 3.2 MB/s.
    const { scan } = measured(recordOf('addon-exact', twoRounds))
    expect(scan?.gbps).toBeCloseTo(0.0032, 12)
    expect(scan?.ofReadBandwidth).toBeCloseTo(0.00032, 12)
  })

  it('under a filter is held against the rows that pass, and is no scan of all vectors', () => {
    const filtered = new Map([
      ['1%', { k: 2, ids: new Uint32Array(4), distances: Float64Array.of(0, 9, 0, 9) }],
    ])
    const record = recordOf('pgvector-exact', twoRounds, { workers: 0, filter: '1%' })
    const row = summariseLane(record, { ...context, filtered }) as Measurement
    expect(measurementSchema.parse(row)).toEqual(row)
    // One row of two came back for each query, and both are as near as the second.
    expect(row).toMatchObject({ returned: 1, recall: { mean: 0.5 } })
    expect(row).not.toHaveProperty('scan')
    expect(measured(recordOf('pgvector-exact', twoRounds, { workers: 0 }))).not.toHaveProperty('returned')
  })

  it('of the null path has no recall', () => {
    expect(summariseLane(recordOf('null', [[1]]), context)).not.toHaveProperty('recall')
  })

  it('of a lane that failed says why, whatever it had measured before', () => {
    const failure = 'The server ran short. Raise work_mem.'
    const row = summariseLane({ ...recordOf('sql', twoRounds), failure }, context)
    expect(failedSchema.parse(row)).toEqual(row)
    expect(row).toMatchObject({ id: 'sql', status: 'failed', reason: failure })
  })

  it('of a lane that the run did not get to says that', () => {
    const row = summariseLane(recordOf('sql', []), context)
    expect(row).toMatchObject({ status: 'failed', reason: expect.stringContaining('stopped before') })
  })
})

describe('a truth that is wrong', () => {
  // Row 10 is the nearest of the first query; the truth was given row 11, one farther away.
  const wrong = { k: 1, ids: Uint32Array.of(11, 20), distances: Float64Array.of(1, 0) }

  it('is disproved by whoever finds a nearer row, and no row is trusted', () => {
    const record = recordOf('sql', [[1]])
    expect(() => summariseLane(record, { ...context, truth: wrong })).toThrowError(
      expect.objectContaining({
        code: 'ERR_CHECK_FAILED',
        message: expect.stringMatching(/^The truth is wrong: neighbour 1 of query 0 .* row 10 is at 0$/),
      }),
    )
  })

  it('is not one that float64 sums in another order give', () => {
    const rounded = { ...truth, distances: Float64Array.of(0, 1 + 1e-12) }
    expect(() => summariseLane(recordOf('sql', [[1]]), { ...context, truth: rounded })).not.toThrow()
  })
})

describe('comparisons', () => {
  it('pair rows with equal parameters, by round', () => {
    const records = [
      recordOf('pgvector-exact', [[2, 8], [6, 6], [1]], { workers: 0 }),
      // The machine was slower in the second round, and a round without samples has no pair.
      recordOf('extension-exact', [[1, 4, 2.5], [3], []], { workers: 0 }),
      recordOf('extension-exact', [[1, 4]], { workers: 2 }),
    ]
    const row = { arm: 'bench', params: { workers: 0 } }
    expect(compareLanes(records)).toEqual([
      {
        metric: 'meanLatency',
        subject: { ...row, id: 'extension-exact' },
        baseline: { ...row, id: 'pgvector-exact' },
        ratio: expect.closeTo(0.5, 12) as number,
        ci95: [expect.closeTo(0.5, 12), expect.closeTo(0.5, 12)],
        pairs: 2,
      },
    ])
  })
})

describe('raw samples', () => {
  it('keep every sample with its query', () => {
    const { rows } = collectSamples([recordOf('null', [[0.12345678], [1]])])
    expect(rows).toEqual([
      {
        id: 'null',
        arm: 'bench',
        params: {},
        rounds: [
          { us: [123.5], query: [0] },
          { us: [1000], query: [0] },
        ],
      },
    ])
  })
})
