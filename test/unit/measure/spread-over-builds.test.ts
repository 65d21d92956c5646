import { expect, it } from 'vitest'
import { spreadOverBuilds } from '#src/measure/caveats/spread-over-builds.js'
import type { ResultRow } from '#src/result/schema.js'
import { createResult } from '../report/sample-result.js'

const hnsw = createResult().paths.find(({ id }) => id === 'pgvector-hnsw')!
if (hnsw.status !== 'ok') throw new Error('The sample has no row of an index.')

const rowOf = (build: number, mean: number, p50: number): ResultRow => ({
  ...hnsw,
  params: { m: 16, build, ef_search: 10 },
  recall: { mean, ci95: [mean - 0.01, mean + 0.01], covers: 'queries of one build' },
  latencyMs: { ...hnsw.latencyMs, p50 },
})

it('rows of several builds say how far apart these are, each the same', () => {
  const rows = spreadOverBuilds([rowOf(1, 0.6435, 1), rowOf(2, 0.6365, 1.2), hnsw])
  const builds = { count: 2, recall: [0.6365, 0.6435], p50Ms: [1, 1.2] }
  expect(rows).toMatchObject([{ builds }, { builds }, {}])
  expect(rows[2]).toBe(hnsw)
})

it('a build beside none is alone', () => {
  expect(spreadOverBuilds([rowOf(1, 0.6, 1)])).toEqual([rowOf(1, 0.6, 1)])
})
