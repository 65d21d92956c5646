import { describe, expect, it } from 'vitest'
import { judgeRows } from '#src/gate/builds.js'
import { decide, defaultPolicy, type MetricSamples } from '#src/gate/decide.js'
import type { Builds } from '#src/gate/evidence.js'
import type { PairedRow } from '#src/gate/observe.js'
import { Random } from '#src/stats/random.js'

const random = new Random(11)
const draw = (count: number, centre: number, deviation: number) =>
  Array.from({ length: count }, () => centre + deviation * random.bell())

/** As HNSW has them at 30,000 rows: builds lie about a tenth of a point apart. */
const spread = 0.001
const recalls = (base: number, head: number, builds = 5, deviation = spread): Builds => ({
  by: 'build',
  base: draw(builds, base, deviation),
  head: draw(builds, head, deviation),
  resolution: 1e-4,
})
const recall = (...stages: [Builds, Builds?]): MetricSamples => ({
  subject: 'pgvector-hnsw ef_search=40',
  metric: 'recall',
  unit: 'share',
  stages,
})
const time = (effects: readonly number[]): MetricSamples => ({
  subject: 'pgvector-hnsw ef_search=40',
  metric: 'time',
  unit: 'log-ratio',
  stages: [{ by: 'build pair', effects }],
})

describe('an approximate path', () => {
  it('that has lost recall has regressed, though it takes as long as before', () => {
    const verdicts = decide([time(draw(5, 0, 0.005)), recall(recalls(0.95, 0.93), recalls(0.95, 0.93))])
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['ok', 'regressed'])
    expect(verdicts[1]!.effect).toBeCloseTo(0.02, 2)
  })

  it('is confirmed by other builds before anybody is told', () => {
    expect(decide([recall(recalls(0.95, 0.93))])[0]).toMatchObject({ needsConfirmation: true, outcome: 'ok' })
    const [verdict] = decide([recall(recalls(0.95, 0.93), recalls(0.95, 0.95))])
    expect(verdict!.outcome).not.toBe('regressed')
  })

  it('of the same recall is ok, and of a better one improved', () => {
    expect(decide([recall(recalls(0.95, 0.95))])[0]!.outcome).toBe('ok')
    expect(decide([recall(recalls(0.93, 0.95), recalls(0.93, 0.95))])[0]!.outcome).toBe('improved')
  })

  it('is inconclusive with two builds, however clear they are', () => {
    const [verdict] = decide([recall(recalls(0.95, 0.5, 2))])
    expect(verdict).toMatchObject({ outcome: 'inconclusive', needsConfirmation: false })
    expect(verdict!.reason).toBe('2 builds of an arm were measured; a decision needs 3.')
  })

  it('is inconclusive where its builds differ too much, and never passes then', () => {
    for (let run = 0; run < 200; run++) {
      const [verdict] = decide([recall(recalls(0.95, 0.945, 3, 0.02))])
      const [low, high] = verdict!.ci95
      const { detectable } = defaultPolicy.effects.share
      if (verdict!.outcome === 'ok' && !verdict!.needsConfirmation) {
        expect(Math.max(-low, high)).toBeLessThan(detectable)
      } else if (verdict!.outcome === 'inconclusive') expect(verdict!.reason).toContain('--builds')
    }
  })

  it('cannot be certain of less than one neighbour of one query', () => {
    const coarse = { by: 'build', base: [1, 1, 1], head: [0.99, 0.99, 0.99], resolution: 0.01 } as const
    expect(decide([recall(coarse)])[0]!.outcome).toBe('inconclusive')
    expect(decide([recall({ ...coarse, resolution: 1e-4 })])[0]!.needsConfirmation).toBe(true)
  })

  it('that a second stage could not measure again is not ok', () => {
    const gone = { by: 'build', base: [], head: [], resolution: 1e-4 } as const
    expect(decide([recall(recalls(0.95, 0.93), gone)])[0]).toMatchObject({
      outcome: 'inconclusive',
      reason: '0 builds of an arm were measured; a decision needs 3.',
    })
  })
})

describe('rows of several builds', () => {
  const row = (effects: readonly number[], base: Record<number, number>, head = base): PairedRow => {
    const toMap = (recalls: Record<number, number>) =>
      new Map(Object.entries(recalls).map(([query, value]) => [Number(query), value]))
    return {
      ...{ key: 'hnsw', subject: 'pgvector-hnsw ef_search=40', pathId: 'pgvector-hnsw', effects },
      recalls: { base: toMap(base), head: toMap(head) },
      checks: [
        { subject: 'pgvector-hnsw', check: 'index bytes', base: '1', head: '2', outcome: 'regressed' },
      ],
    }
  }

  it('become one, in which a build is one observation and a query that not all were asked is none', () => {
    const judged = judgeRows(
      [row([0, 0.2], { 1: 1, 2: 0.5, 3: 0 }), row([0.4, 0.4], { 1: 1, 2: 0.7 }, { 1: 0, 2: 0.7 })],
      10,
    )
    expect(judged).toHaveLength(1)
    expect(judged[0]!.time).toEqual({ by: 'build pair', effects: [0.1, 0.4] })
    expect(judged[0]!.recall).toMatchObject({ base: [0.75, 0.85], head: [0.75, 0.35], resolution: 0.05 })
    expect(judged[0]!.checks).toHaveLength(1)
  })

  it('of exact paths stay as they are: their blocks are the observations', () => {
    const { recalls: _, ...exact } = row([0, 0.2], {})
    expect(judgeRows([exact], 10)).toMatchObject([{ time: [0, 0.2] }])
  })
})

describe('the unit of observation', () => {
  /** Builds have luck of their own: 3 % in time, while their blocks agree to half a per cent. */
  const luck = () => draw(5, 0, 0.03)

  it('is the build: identical code raises no alarm, as blocks would', () => {
    let asBuilds = 0
    let asBlocks = 0
    for (let run = 0; run < 300; run++) {
      const effects = luck()
      if (decide([time(effects)])[0]!.needsConfirmation) asBuilds++
      const blocks = draw(16, effects[0]!, 0.005)
      if (decide([{ ...time([]), stages: [blocks] }])[0]!.needsConfirmation) asBlocks++
    }
    // Two directions at 1 % each: 6 of 300 expected, and three standard deviations.
    expect(asBuilds).toBeLessThan(14)
    expect(asBlocks).toBeGreaterThan(100)
  })
})
