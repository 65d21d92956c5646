import type { BenchResult, Measurement } from '#src/result/schema.js'

export function createRow(extra: Partial<Measurement> & Pick<Measurement, 'id'>): Measurement {
  return {
    arm: 'bench',
    params: {},
    exact: false,
    status: 'ok',
    load: { kind: 'closed', clients: 1 },
    settings: {},
    latencyMs: {
      p50: 1,
      p95: 2,
      p99: 3,
      mean: 1.25,
      ci95: [1.2, 1.3],
      percentilesCi95: { p50: [0.9, 1.1], p95: [1.9, 2.1], p99: [2.5, 3.5] },
      averagedOver: 1,
    },
    qps: { value: 800, ci95: [760, 840] },
    queries: 5000,
    calls: 5000,
    distinctQueries: 1000,
    ...extra,
  }
}

/** One row of every kind. */
export function createResult(): BenchResult {
  const indexBuild = { ms: 61_400, bytes: 142_000_000, build: 1 }
  const loading = { ms: 2000, rowsPerSecond: 170_700 }
  const recall = (mean: number) => ({ recall: { mean, ci95: [mean, 1] as [number, number] } })
  return {
    schema: 'simdgres.bench/2',
    startedAt: '2026-11-24T02:00:00.000Z',
    durationMs: 754_000,
    isComplete: true,
    profile: 'default',
    seed: 1,
    machine: { fingerprint: '0123456789abcdef' },
    environment: {
      cpu: 'Example CPU',
      isa: 'avx2',
      cores: 2,
      memoryBytes: 16e9,
      kernel: 'Linux 6.1',
      node: 'v20.20.0',
      commit: 'abc',
      target: 'docker',
      postgres: '17.5',
      pgvector: '0.8.0',
      extension: '0.1.0',
      extensionIsa: 'avx2',
      settings: { shared_buffers: '4GB' },
      readBandwidthGBps: 20,
    },
    dataset: {
      name: 'glove-100',
      synthetic: false,
      rows: 340_479,
      dims: 100,
      metric: 'cosine',
      queries: 1000,
      k: 10,
      sha256: 'f'.repeat(64),
    },
    paths: [
      createRow({ id: 'null', qps: { value: 11_234, ci95: [11_000, 11_400] } }),
      createRow({
        id: 'sql',
        params: { workers: 2 },
        exact: true,
        ...recall(1),
        loading,
        queries: 12,
        calls: 12,
        latencyMs: {
          p50: 1,
          mean: 1.25,
          ci95: [1.2, 1.3],
          percentilesCi95: { p50: [0.9, 1.1] },
          averagedOver: 1,
        },
        qps: { value: 0.8123, ci95: [0.7, 0.9] },
        scan: { gbps: 0.11, ofReadBandwidth: 0.0055 },
      }),
      createRow({
        id: 'pgvector-hnsw',
        params: { m: 16, ef_search: 10 },
        ...recall(0.71239),
        loading,
        indexBuild,
      }),
      createRow({
        id: 'pgvector-hnsw',
        params: { m: 16, ef_search: 160 },
        ...recall(0.99996),
        loading,
        indexBuild,
      }),
      createRow({
        id: 'addon-exact',
        params: { threads: 1 },
        exact: true,
        ...recall(1),
        scan: { gbps: 18.4, ofReadBandwidth: 0.92 },
      }),
      {
        ...{ id: 'cache', arm: 'bench', params: {}, exact: false },
        ...{ status: 'unavailable', reason: 'Not part of this version.' },
      },
      {
        ...{ id: 'pgvector-ivfflat', arm: 'bench', params: { lists: 300 }, exact: false },
        ...{ status: 'failed', reason: 'The server ran short. Raise maintenance_work_mem.' },
      },
    ],
    comparisons: [
      {
        metric: 'meanLatency',
        subject: { id: 'extension-exact', arm: 'bench', params: { workers: 0 } },
        baseline: { id: 'pgvector-exact', arm: 'bench', params: { workers: 0 } },
        ratio: 1 / 1.314,
        ci95: [1 / 1.33, 1 / 1.29],
        pairs: 12,
      },
    ],
    server: { memoryPeakBytes: 1.2e9, cpuSeconds: 640 },
    warnings: ['The machine was not quiet.'],
  }
}
