import { describe, expect, test } from 'vitest'
import { groupByBand, nameBand } from '#src/report/bands.js'
import { sortRows } from '#src/report/columns.js'
import { findBestRows, findFrontier, groupByWork } from '#src/report/frontier.js'
import type { Measurement } from '#src/result/schema.js'
import { createResult, createRow } from './sample-result.js'

const row = (id: string, recall: number | undefined, qps: number, extra: Partial<Measurement> = {}) =>
  createRow({
    id,
    ...(recall !== undefined && { recall: { mean: recall, ci95: [recall, recall] } }),
    qps: { value: qps, ci95: [qps, qps] },
    ...extra,
  })
const names = (rows: Iterable<Measurement>) => [...rows].map(({ id }) => id)
const resultOf = (paths: Measurement[]) => ({ ...createResult(), paths })

describe('the frontier', () => {
  test('is what nothing beats in both, the lowest recall first', () => {
    const rows = [
      row('exact', 1, 50),
      row('slow', 0.95, 40),
      row('middle', 0.95, 100),
      row('coarse', 0.8, 300),
      row('worse', 0.79, 300),
    ]
    expect(names(findFrontier(rows, 'in the server'))).toEqual(['coarse', 'middle', 'exact'])
  })

  test('has places of its own for the server and for this process', () => {
    const rows = [row('addon-exact', 1, 1000), row('extension-index', 1, 500), row('pgvector-exact', 1, 10)]
    expect(names(findFrontier(rows, 'in this process'))).toEqual(['addon-exact'])
    expect(names(findFrontier(rows, 'in the server'))).toEqual(['extension-index'])
  })

  test('has no batches and no cached answers, which not every question can have', () => {
    const { latencyMs } = row('addon-batch', 1, 1)
    const batch = row('addon-batch', 1, 9000, { latencyMs: { ...latencyMs, averagedOver: 100 } })
    const rows = [batch, row('cache', 1, 9000), row('addon-exact', 1, 100)]
    expect(names(findBestRows(resultOf(rows)))).toEqual(['addon-exact'])
  })

  test('is found apart for each filter and number of clients, and not for what has a rate of its own', () => {
    const rows = [
      row('null', undefined, 9000),
      row('a', 1, 10),
      row('b', 1, 20, { params: { filter: '1%' } }),
      row('c', 1, 30, { load: { kind: 'closed', clients: 8 } }),
      row('d', 1, 40, { load: { kind: 'open', rate: 40, clients: 8, lag: { p99Ms: 1 }, waiting: 0 } }),
    ]
    expect(groupByWork(resultOf(rows)).map(({ name, rows }) => [name, names(rows)])).toEqual([
      ['', ['a']],
      ['filter 1%', ['b']],
      ['with 8 clients', ['c']],
    ])
    expect(names(findBestRows(resultOf(rows)))).toEqual(['a', 'b', 'c'])
  })
})

describe('the order of the table', () => {
  test('is by recall in steps that matter, the fastest first in each, and what searches nothing last', () => {
    const paths = [
      row('null', undefined, 9000),
      row('low', 0.7, 5000),
      row('fair', 0.951, 700),
      row('slow', 1, 1),
      row('good', 0.991, 400),
      row('fairer', 0.989, 600),
      row('filtered', 1, 800, { params: { filter: '10%' } }),
    ]
    const bands = groupByBand(sortRows(resultOf(paths)))
    expect(bands.map((band) => [nameBand(band[0]!), names(band)])).toEqual([
      ['recall from 0.99', ['good', 'slow']],
      ['recall 0.95 to 0.99', ['fair', 'fairer']],
      ['recall below 0.9', ['low']],
      ['no search', ['null']],
      ['recall from 0.99, filter 10%', ['filtered']],
    ])
  })
})
