import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#src/gate/decide.js'
import { replay } from '#src/gate/study.js'
import type { GateMetric, GateResult } from '#src/result/gate-schema.js'
import { Random } from '#src/stats/random.js'
import { mean, variance } from '#src/stats/samples.js'

const random = new Random(31)

function recordRow(subject: string, luck: number): GateMetric {
  const blocks = Array.from({ length: 16 }, () => luck + 0.01 * random.bell())
  return {
    ...{ subject, metric: 'time', outcome: 'ok', unit: 'ratio', isControl: subject === 'null' },
    change: Math.expm1(mean(blocks)),
    spread: Math.sqrt(variance(blocks)),
    observedBy: 'block',
    observations: [16],
    evidence: [blocks],
  }
}

const recordRun = (deviation = 0.001) =>
  ({
    machine: { fingerprint: 'm' },
    metrics: ['null', 'addon-exact'].map((subject) => recordRow(subject, deviation * random.bell())),
  }) as unknown as GateResult

describe('a study of recorded runs', () => {
  it('counts false alarms, planted changes and spreads', () => {
    const study = replay(Array.from({ length: 60 }, () => recordRun()))
    expect(study).toMatchObject({
      schema: 'simdgres.gate-study/1',
      machines: ['m'],
      policy: defaultPolicy,
      falseAlarms: { count: 0, of: 60 },
    })
    // A control is nothing that could be slowed down.
    expect(study.caught.map(({ subject, plantedChange }) => [subject, plantedChange])).toEqual([
      ['addon-exact', 0.03],
      ['addon-exact', 0.05],
    ])
    expect(study.caught[1]!.rate.count).toBeGreaterThanOrEqual(59)
    expect(study.spreads[1]!.withinRun).toBeCloseTo(0.01, 2)
    // What a run's own blocks leave of it: 1 % over the root of 16.
    expect(study.spreads[1]!.betweenRuns).toBeCloseTo(0.0027, 3)
  })

  it('sees deployments that are not alike, which no number of blocks corrects', () => {
    const runs = Array.from({ length: 60 }, () => recordRun(0.03))
    const { falseFlags, spreads, inconclusive } = replay(runs)
    expect(falseFlags.count + inconclusive.count).toBeGreaterThan(20)
    expect(spreads[1]!.betweenRuns).toBeGreaterThan(0.02)
  })

  it('needs two runs of the same rows', () => {
    const other = { ...recordRun(), metrics: [recordRow('sql', 0)] }
    expect(() => replay([recordRun()])).toThrow(RangeError)
    expect(() => replay([recordRun(), other])).toThrow(RangeError)
  })
})
