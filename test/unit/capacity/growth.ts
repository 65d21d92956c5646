import type { GrowthRun } from '#src/result/capacity-schema.js'

export const sizes = [12_500, 25_000, 50_000, 100_000, 200_000] as const

/** A growth run whose searches take what a law says, in ms. */
export function growthOf(p50: (rows: number) => number, changes: Partial<GrowthRun> = {}): GrowthRun {
  return {
    path: 'extension-index',
    dims: 768,
    metric: 'l2',
    k: 10,
    recall: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    environment: {
      cpu: 'a processor',
      isa: 'avx512',
      cores: 8,
      memoryBytes: 64 * 1024 ** 3,
      kernel: 'Linux 6',
      node: 'v22.0.0',
      commit: 'unknown',
      target: 'local',
      settings: {},
      readBandwidthGBps: 25,
    },
    cacheBytes: 4 << 20,
    points: sizes.map((rows) => ({
      rows,
      params: {},
      recall: 1,
      meanMs: 1.1 * p50(rows),
      p50Ms: p50(rows),
      p95Ms: 1.5 * p50(rows),
      loadMs: 0.02 * rows,
      buildMs: 50 + 0.03 * rows,
      indexBytes: 8192 + 960 * rows,
      qps: { one: 909 / p50(rows), all: (909 * 6) / p50(rows), clients: 8 },
    })),
    ...changes,
  }
}
