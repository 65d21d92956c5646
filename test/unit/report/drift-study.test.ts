import { describe, expect, it } from 'vitest'
import { pairRuns, studyDrift } from '#src/report/drift-study.js'
import type { BenchResult } from '#src/result/schema.js'
import { Random } from '#src/stats/random.js'
import { createResult, createRow } from './sample-result.js'

const minute = 60_000
const hour = 60 * minute
const start = Date.parse('2026-01-01T00:00:00Z')

/** Rows whose p50 is known to 1 % (one standard error), as it was this time. */
function recordRun(atMs: number, p50s: Readonly<Record<string, number>>): BenchResult {
  const paths = Object.entries(p50s).map(([id, p50]) => {
    const row = createRow({ id, params: { threads: 1 } })
    const interval: [number, number] = [p50 * Math.exp(-0.0196), p50 * Math.exp(0.0196)]
    return { ...row, latencyMs: { ...row.latencyMs, p50, percentilesCi95: { p50: interval } } }
  })
  return { ...createResult(), startedAt: new Date(start + atMs).toISOString(), paths }
}

describe('runs an hour apart', () => {
  const startsOf = (minutes: readonly number[]) =>
    pairRuns(
      minutes.map((at) => recordRun(at * minute, { a: 1 })),
      hour,
      5 * minute,
    ).map((pair) => pair.map(({ startedAt }) => (Date.parse(startedAt) - start) / minute))

  it('are paired with the nearest one, each once, in whatever order they are in the file', () => {
    expect(startsOf([63, 0, 3, 60])).toEqual([
      [0, 60],
      [3, 63],
    ])
  })

  it('stay alone where no other one is near enough', () => {
    expect(startsOf([0, 30, 66, 91])).toEqual([[30, 91]])
  })
})

describe('the drift of a row', () => {
  const pairsOf = (drift: number, shift = 0) => {
    const random = new Random(51)
    const draw = (common: number) => Math.exp(common + 0.01 * random.bell() + drift * random.bell())
    const run = (at: number) => {
      const common = shift * random.bell()
      return recordRun(at, { a: draw(common), b: draw(common), c: draw(common), d: draw(common) })
    }
    return Array.from({ length: 200 }, (_, i) => [run(i * minute), run(i * minute + hour)] as const)
  }

  it('is none where runs differ by the chance that their intervals tell, and 95 of 100 hold 1', () => {
    const { holdsOne, rows, pairs } = studyDrift(pairsOf(0))
    expect(holdsOne.of).toBe(800)
    expect(holdsOne.count / 800).toBeCloseTo(0.95, 1)
    expect(holdsOne.ci95[0]).toBeLessThan(0.95)
    expect(pairs[0]).toMatchObject({ startedAt: '2026-01-01T00:00:00.000Z', minutesApart: 60 })
    expect(rows.map(({ row }) => row)).toContain('a threads=1')
    for (const { withinRun, betweenRuns } of rows) {
      expect(withinRun).toBeCloseTo(0.01, 3)
      expect(betweenRuns).toBeCloseTo(0.01, 2)
    }
  })

  it('is what they leave out', () => {
    const { holdsOne, holdsOneWithDrift, rows } = studyDrift(pairsOf(0.04))
    expect(holdsOne.count / holdsOne.of).toBeLessThan(0.5)
    expect(holdsOneWithDrift.count / holdsOneWithDrift.of).toBeGreaterThan(0.95)
    for (const { drift } of rows) expect(drift).toBeCloseTo(0.04, 2)
  })

  it('that all rows have in common is told from that of each', () => {
    const { holdsOne, holdsOneBesideShift } = studyDrift(pairsOf(0, 0.1))
    expect(holdsOne.count / holdsOne.of).toBeLessThan(0.4)
    expect(holdsOneBesideShift.count / holdsOneBesideShift.of).toBeGreaterThan(0.9)
  })

  it('cannot be told of runs without a common row', () => {
    expect(() => studyDrift([[recordRun(0, { a: 1 }), recordRun(hour, { b: 1 })]])).toThrow(RangeError)
    expect(() => studyDrift([])).toThrow(RangeError)
  })
})
