import type { TuneComparison, TunePoint, TuneResult } from '#src/result/tune-schema.js'
import { analyseEffects } from '#src/tune/effects.js'

const point = (buffers: string, workers: string, clients: number, qps?: number): TunePoint => {
  const shared = {
    ...{ path: 'pgvector-exact', design: { storage: 'plain' }, variant: {}, clients },
    server: { shared_buffers: buffers },
    session: { max_parallel_workers_per_gather: workers },
  }
  if (qps === undefined) return { ...shared, status: 'failed', reason: 'shared_buffers <does not> fit.' }
  const ms = 1000 / qps
  return {
    ...{ ...shared, status: 'ok', calls: 300 },
    qps: { value: qps, ci95: [qps * 0.9, qps * 1.1] },
    latencyMs: { p50: ms, p95: 2 * ms, mean: ms, ci95: [ms, ms] },
    recall: { mean: 1, ci95: [0.99, 1] },
  }
}

const points = [1, 4].flatMap((clients) => [
  ...['64MB', '1GB'].flatMap((buffers, i) =>
    ['0', '1'].map((workers, j) => point(buffers, workers, clients, 100 * clients + 10 * i + j)),
  ),
  ...['0', '1'].map((workers) => point('1000GB', workers, clients)),
])

const knob = { unit: 'bytes', why: 'It matters.', source: 'PostgreSQL' }
/** A grid of two knobs that need a restart and not, under two loads; a third of its settings fail. */
export const grid = {
  ...{
    schema: 'simdgres.tune/1',
    mode: 'grid',
    isComplete: true,
    seed: 1,
    durationMs: 60_000,
    recallTarget: 0.95,
  },
  dataset: { name: 'glove-100', rows: 341_000, dims: 100, metric: 'cosine', k: 10 },
  environment: { cpu: 'A <Processor>', cores: 2, target: 'docker', postgres: '17.2' },
  knobs: [
    { ...knob, name: 'shared_buffers', class: 'restart', values: ['64MB', '1GB', '1000GB'] },
    { ...knob, name: 'max_parallel_workers_per_gather', class: 'session', values: ['0', '1'] },
  ],
  points,
  ...analyseEffects(points),
  cost: { deployments: 1, restarts: 3, restartMs: 30_000, measureMs: 30_000, measurements: 8 },
  warnings: ['Mind "this" & <that>.'],
} as unknown as TuneResult

const finalist = (name: string, more: Partial<TuneComparison>): TuneComparison => ({
  ...{ name, path: 'pgvector-exact', design: { storage: 'plain' }, server: {}, session: {}, variant: {} },
  ...{ clients: 1, blocks: 32, speedUp: 2.36, ci95: [1.81, 3.07], outcome: 'improved' },
  ...more,
})

/** A search whose winner is confirmed, beside one that is not and one that is slower. */
export const searched = {
  ...grid,
  ...{ mode: 'search', goal: 'qps', effects: [], importance: [] },
  stages: [
    {
      ...{ stage: 'design', incumbent: 'present' },
      challengers: [
        { name: 'pgvector-exact storage=plain', speedUp: 2.2, ci95: [1.9, 2.5], blocks: 16, fate: 'won' },
        { name: 'extension-exact', speedUp: 1.05, ci95: [0.83, 1.33], blocks: 6, fate: 'left behind' },
      ],
    },
  ],
  confirmation: [
    finalist('winner', {}),
    finalist('candidate 2', { outcome: 'inconclusive', speedUp: 1.42, ci95: [1.22, 1.64], blocks: 16 }),
    finalist('defaults', { outcome: 'ok', speedUp: 0.92, ci95: [0.78, 1.09], blocks: 16 }),
  ],
  recommendation: {
    ...{ isChange: true, winner: 'winner' },
    settings: [
      { name: 'storage', present: 'external', recommended: 'plain', speedUp: 2.36, ci95: [1.81, 3.07] },
    ],
  },
} as unknown as TuneResult
