import { describe, expect, test } from 'vitest'
import type { MeasuredPoint, TunePoint } from '#src/result/tune-schema.js'
import { analyseEffects } from '#src/tune/effects.js'

const point = (server: string, workers: string, qps: number, clients = 1): MeasuredPoint => ({
  ...{ path: 'pgvector-exact', design: {}, variant: {}, clients, status: 'ok', calls: 100 },
  server: { shared_buffers: server },
  session: { max_parallel_workers_per_gather: workers },
  qps: { value: qps, ci95: [qps, qps] },
  latencyMs: { p50: 1000 / qps, mean: 1000 / qps, ci95: [1000 / qps, 1000 / qps] },
})

describe('effects of a grid', () => {
  test('are ratios that multiply, and importances that add up where no knob minds the other', () => {
    const points = [
      ...[point('64MB', '0', 100), point('64MB', '1', 200)],
      ...[point('1GB', '0', 110), point('1GB', '1', 220)],
    ]
    const { effects, importance } = analyseEffects(points)
    const ratio = (knob: string, value: string) =>
      effects.find((effect) => effect.knob === knob && effect.value === value)!.ratio
    const workers = 'max_parallel_workers_per_gather'
    expect(ratio(workers, '1') / ratio(workers, '0')).toBeCloseTo(2)
    expect(ratio('shared_buffers', '1GB') / ratio('shared_buffers', '64MB')).toBeCloseTo(1.1)
    expect(importance.map(({ knob }) => knob)).toEqual([workers, 'shared_buffers'])
    expect(importance.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1)
    expect(importance[0]!.share).toBeGreaterThan(0.95)
  })

  test('are of one load at a time: what helps one client may hurt four', () => {
    const points = [
      ...[point('64MB', '0', 100, 1), point('64MB', '1', 200, 1)],
      ...[point('64MB', '0', 200, 4), point('64MB', '1', 150, 4)],
    ]
    const best = (clients: number) =>
      analyseEffects(points)
        .effects.filter((effect) => effect.clients === clients)
        .sort((a, b) => b.ratio - a.ratio)[0]!.value
    expect(best(1)).toBe('1')
    expect(best(4)).toBe('0')
  })

  test('leave out failed points, and knobs of which one value is left', () => {
    const failed: TunePoint = {
      ...{ path: 'pgvector-exact', design: {}, variant: {}, clients: 1 },
      server: { shared_buffers: '1000GB' },
      session: { max_parallel_workers_per_gather: '0' },
      status: 'failed',
      reason: 'It does not fit.',
    }
    const { effects } = analyseEffects([point('64MB', '0', 100), point('64MB', '1', 120), failed])
    expect(effects.map(({ knob }) => knob)).toEqual(
      Array.from({ length: 2 }, () => 'max_parallel_workers_per_gather'),
    )
    expect(analyseEffects([failed])).toEqual({ effects: [], importance: [] })
  })
})
