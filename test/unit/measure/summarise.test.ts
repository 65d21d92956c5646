import { describe, expect, it } from 'vitest'
import { createSamples, type Lane } from '#src/measure/lane.js'
import { QueryCursor } from '#src/measure/query-cursor.js'
import { collectSamples } from '#src/measure/raw-samples.js'
import { compareLanes, summariseLane, warnOfNoise } from '#src/measure/summarise.js'
import type { PathId } from '#src/paths/search-path.js'
import { measurementSchema } from '#src/result/schema.js'
import { createLineDataset, PlainPath, seeded } from './plain-path.js'

const dataset = createLineDataset(1000, [10, 20])
const truth = { k: 1, ids: Uint32Array.of(10, 20), distances: Float64Array.of(0, 0) }

function createLane(id: PathId, rounds: number[][], variant = {}): Lane {
  const samples = createSamples()
  for (const round of rounds) {
    samples.rounds.push(Float64Array.from(round))
    samples.queryRows.push(Uint32Array.from(round, (_, i) => i % 2))
    samples.count += round.length
  }
  samples.hits.set(0, Uint32Array.of(10)).set(1, Uint32Array.of(21))
  const path = new PlainPath(dataset, 1, { id })
  const cursor = new QueryCursor(dataset.queries, Uint32Array.of(0, 1), 1)
  return { path, prepared: { variant }, cursor, samples }
}

const context = { dataset, truth, random: seeded(), readBandwidthGBps: 10, plan: '' }

describe('a row of the result', () => {
  it('has the percentiles, the mean and the throughput of its samples', () => {
    const row = summariseLane(
      createLane(
        'addon-exact',
        [
          [1, 2],
          [3, 4],
        ],
        { threads: 1 },
      ),
      context,
    )
    expect(measurementSchema.parse(row)).toEqual(row)
    expect(row.latencyMs).toMatchObject({ p50: 2.5, mean: 2.5 })
    expect(row.latencyMs.p95).toBeCloseTo(3.85, 12)
    expect(row.qps.value).toBe(400)
    expect(row.qps.ci95[0]).toBeCloseTo(1000 / row.latencyMs.ci95[1], 9)
    expect(row).toMatchObject({ params: { threads: 1 }, queries: 4, calls: 4, distinctQueries: 2 })
    expect(row.recall?.mean).toBe(0.5)
  })

  it('relates the bytes of the scan to the read bandwidth', () => {
    // 1000 x 2 x 4 bytes in 2.5 ms are 3.2 MB/s.
    const row = summariseLane(
      createLane('addon-exact', [
        [1, 2],
        [3, 4],
      ]),
      context,
    )
    expect(row.scan?.gbps).toBeCloseTo(0.0032, 12)
    expect(row.scan?.ofReadBandwidth).toBeCloseTo(0.00032, 12)
  })

  it('of the null path has no recall', () => {
    expect(summariseLane(createLane('null', [[1]]), context)).not.toHaveProperty('recall')
  })
})

describe('comparisons', () => {
  it('pair rows with equal parameters, by round', () => {
    const lanes = [
      createLane('pgvector-exact', [[2, 8], [6, 6], [1]], { workers: 0 }),
      // The machine was slower in the second round, and a round without samples has no pair.
      createLane('extension-exact', [[1, 4, 2.5], [3], []], { workers: 0 }),
      createLane('extension-exact', [[1, 4]], { workers: 2 }),
    ]
    expect(compareLanes(lanes)).toEqual([
      {
        path: 'extension-exact',
        baseline: 'pgvector-exact',
        params: { workers: 0 },
        speedup: {
          value: expect.closeTo(2, 12) as number,
          ci95: [expect.closeTo(2, 12), expect.closeTo(2, 12)],
        },
        rounds: 2,
      },
    ])
  })
})

describe('noise', () => {
  it('is reported when rounds disagree, with the worst row', () => {
    const calm = createLane('null', [
      [1, 1],
      [1.01, 1.01],
      [1, 1],
    ])
    const rough = createLane('addon-exact', [[1], [2], [3]], { threads: 1 })
    expect(warnOfNoise([calm])).toBeUndefined()
    expect(warnOfNoise([calm, rough])).toMatch(/1 of 2 rows, most in addon-exact threads=1 \(50 %\)/)
  })
})

describe('raw samples', () => {
  it('keep every sample with its query', () => {
    const { rows } = collectSamples([createLane('null', [[0.12345678], [1]])])
    expect(rows).toEqual([
      {
        id: 'null',
        params: {},
        rounds: [
          { us: [123.5], query: [0] },
          { us: [1000], query: [0] },
        ],
      },
    ])
  })
})
