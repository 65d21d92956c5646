import { describe, expect, it } from 'vitest'
import { decide, type MetricSamples, type Verdict } from '#src/gate/decide.js'
import type { Builds, Evidence } from '#src/gate/evidence.js'
import { Random } from '#src/stats/random.js'

/** What docs/gate.md promises is promised for blocks that scatter by this much. */
const deviation = 0.025

/** Bell-shaped, but every eighth block met something else on the machine: three times as far. Together as far as said. */
const noise = (random: Random) => (deviation / Math.sqrt(2)) * random.bell() * (random.below(8) === 0 ? 3 : 1)
const blocks = (random: Random, effect: number) => Array.from({ length: 16 }, () => effect + noise(random))

const time = (subject: string, ...stages: [Evidence, Evidence?]): MetricSamples => ({
  ...{ subject, metric: 'time', unit: 'log-ratio', stages },
})

/** As a run does it: the second stage is measured where the first flags something. */
function run(draw: () => MetricSamples[]): { verdicts: readonly Verdict[]; isFlagged: boolean } {
  const first = draw()
  const once = decide(first)
  if (!once.some(({ needsConfirmation }) => needsConfirmation)) return { verdicts: once, isFlagged: false }
  const second = draw()
  const both = first.map((sample, i): MetricSamples => {
    const stages = once[i]!.needsConfirmation ? [sample.stages[0], second[i]!.stages[0]] : sample.stages
    return { ...sample, stages: stages as MetricSamples['stages'] }
  })
  return { verdicts: decide(both), isFlagged: true }
}

const outcomes = (verdicts: readonly Verdict[]) => verdicts.map(({ outcome }) => outcome)
const count = (runs: number, happens: () => boolean) =>
  Array.from({ length: runs }, () => happens()).filter(Boolean).length

describe('a gate over five rows', () => {
  const rows = ['null', 'sql', 'pgvector-exact', 'extension-exact', 'addon-exact']

  it('raises no false alarm in 400 runs of identical arms, though its first stage alone would', () => {
    const random = new Random(21)
    let flags = 0
    const alarms = count(400, () => {
      const { verdicts, isFlagged } = run(() => rows.map((row) => time(row, blocks(random, 0))))
      if (isFlagged) flags++
      return outcomes(verdicts).some((outcome) => outcome === 'regressed' || outcome === 'improved')
    })
    expect(alarms).toBe(0)
    // 1 % in each direction: 8 of 400 expected at most, and three standard deviations.
    expect(flags).toBeLessThanOrEqual(16)
  }, 60_000)

  it.each([
    [0.05, 98],
    [0.03, 80],
  ])(
    'catches a row that is slower by %f in at least %i of 100 runs, and blames no other',
    (effect, least) => {
      const random = new Random(22)
      const caught = count(100, () => {
        const draw = () =>
          rows.map((row) => time(row, blocks(random, row === 'addon-exact' ? Math.log1p(effect) : 0)))
        return outcomes(run(draw).verdicts).every(
          (outcome, i) => (outcome === 'regressed') === (rows[i] === 'addon-exact'),
        )
      })
      expect(caught).toBeGreaterThanOrEqual(least)
    },
    60_000,
  )

  it('passes a row that is slower by 5 % in at most 1 of 40 runs, however noisy the machine', () => {
    const random = new Random(23)
    const passed = count(400, () => {
      const noisy = () => blocks(random, 0).map((effect) => Math.log(1.05) + 3 * effect)
      return outcomes(run(() => [time('addon-exact', noisy())]).verdicts)[0] === 'ok'
    })
    // 10 of 400 expected at most, and three standard deviations.
    expect(passed).toBeLessThanOrEqual(19)
  }, 60_000)

  it('has intervals that hold the truth in 94 of 100 rows', () => {
    const random = new Random(24)
    const truth = Math.log1p(0.02)
    const holds = count(2000, () => {
      const [{ ci95 }] = decide([time('addon-exact', blocks(random, truth))]) as [Verdict]
      return ci95[0] <= truth && truth <= ci95[1]
    })
    expect(holds / 2000).toBeGreaterThanOrEqual(0.94)
  }, 60_000)
})

describe('a gate over five builds of an approximate index', () => {
  /** Of recall between builds, as HNSW has it at 30,000 rows. */
  const spread = 0.001
  const recall = (random: Random, loss: number): MetricSamples => {
    const draw = (centre: number) => Array.from({ length: 5 }, () => centre + spread * random.bell())
    const builds: Builds = { by: 'build', base: draw(0.95), head: draw(0.95 - loss), resolution: 1e-4 }
    return { subject: 'pgvector-hnsw', metric: 'recall', unit: 'share', stages: [builds] }
  }
  const pairs = (random: Random, effect: number, scatter: number): MetricSamples =>
    time('pgvector-hnsw', {
      by: 'build pair',
      effects: Array.from({ length: 5 }, () => effect + scatter * random.bell()),
    })

  it('raises no false alarm in 1,000 runs of identical arms', () => {
    const random = new Random(25)
    const alarms = count(1000, () => {
      const { verdicts } = run(() => [pairs(random, 0, 0.02), recall(random, 0)])
      return outcomes(verdicts).some((outcome) => outcome === 'regressed' || outcome === 'improved')
    })
    expect(alarms).toBeLessThanOrEqual(1)
  }, 60_000)

  it('catches a loss of a point in 99 of 100 runs, and one of half a point in 80', () => {
    for (const [loss, least] of [
      [0.01, 99],
      [0.005, 80],
    ] as const) {
      const random = new Random(26)
      const caught = count(100, () => outcomes(run(() => [recall(random, loss)]).verdicts)[0] === 'regressed')
      expect(caught, `${loss}`).toBeGreaterThanOrEqual(least)
    }
  }, 60_000)

  it('passes a loss of half a point in at most 1 of 40 runs, however far builds are apart', () => {
    for (const factor of [1, 3, 10]) {
      const random = new Random(27)
      const passed = count(400, () => {
        const wide = () => {
          const { stages, ...rest } = recall(random, 0)
          const { base, head } = stages[0] as Builds
          const widen = (values: readonly number[], shift: number) =>
            values.map((value) => 0.9 + (value - 0.95) * factor - shift)
          const builds: Builds = {
            by: 'build',
            base: widen(base, 0),
            head: widen(head, 0.005),
            resolution: 1e-4,
          }
          return [{ ...rest, stages: [builds] as const }]
        }
        return outcomes(run(wide).verdicts)[0] === 'ok'
      })
      expect(passed, `${factor}`).toBeLessThanOrEqual(19)
    }
  }, 60_000)

  it('has intervals that hold the truth in 94 of 100 rows', () => {
    const random = new Random(28)
    const holds = count(2000, () => {
      const [{ ci95 }] = decide([recall(random, 0.004)]) as [Verdict]
      return ci95[0] <= 0.004 && 0.004 <= ci95[1]
    })
    expect(holds / 2000).toBeGreaterThanOrEqual(0.94)
  }, 60_000)
})
