import { describe, expect, it } from 'vitest'
import { checkPromises } from '#src/measure/run-bench.js'
import type { BenchResult, Measurement } from '#src/result/schema.js'
import { createResult, createRow } from '../report/sample-result.js'

function withRow(extra: Partial<Measurement>): BenchResult {
  return { ...createResult(), paths: [createRow({ id: 'addon-exact', ...extra })] }
}

const recall = (mean: number) => ({ recall: { mean, ci95: [mean, 1] as [number, number] } })

describe('what an exact path promises', () => {
  it('is kept by a recall of 1, and by what is not a search', () => {
    expect(() => checkPromises(createResult())).not.toThrow()
    expect(() => checkPromises(withRow({ exact: true, ...recall(1) }))).not.toThrow()
    expect(() => checkPromises(withRow({ exact: true }))).not.toThrow()
  })

  it('is broken by one neighbour of many queries, and the row is named', () => {
    const broken = withRow({ exact: true, params: { threads: 2 }, ...recall(1 - 1e-6) })
    expect(() => checkPromises(broken)).toThrowError(
      expect.objectContaining({
        code: 'ERR_CHECK_FAILED',
        message: 'Exact paths missed neighbours: addon-exact {"threads":2}',
        hint: expect.stringContaining('SIMDGRES_ISA=scalar'),
      }),
    )
  })

  it('is none for an approximate path', () => {
    expect(() => checkPromises(withRow({ exact: false, ...recall(0.5) }))).not.toThrow()
  })
})
