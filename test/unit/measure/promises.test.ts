import { describe, expect, it } from 'vitest'
import { checkCompleteness, checkPromises } from '#src/measure/verdicts.js'
import { describeNotes } from '#src/report/notes.js'
import type { BenchResult, Measurement, ResultRow } from '#src/result/schema.js'
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

  it('is not kept by float4 beyond its range either, and no kernel is blamed for that', () => {
    const caveat = 'It computes in float4, which overflows on this data. Scale the vectors down.'
    const row = createRow({ id: 'pgvector-exact', exact: true, ...recall(0.008), caveat })
    const explained = { ...createResult(), paths: [row, createRow({ id: 'sql', exact: true, ...recall(1) })] }
    expect(() => checkPromises(explained)).toThrowError(
      expect.objectContaining({
        code: 'ERR_CHECK_FAILED',
        message: 'Exact paths missed neighbours, because of the range of these vectors: pgvector-exact {}',
        hint: caveat,
      }),
    )
    expect(describeNotes(explained)).toContain(`pgvector-exact: ${caveat}`)
    const defect = createRow({ id: 'addon-exact', exact: true, ...recall(0.9) })
    expect(() => checkPromises({ ...explained, paths: [row, defect] })).toThrowError(
      expect.objectContaining({ message: 'Exact paths missed neighbours: addon-exact {}' }),
    )
  })

  it('is none for an approximate path', () => {
    expect(() => checkPromises(withRow({ exact: false, ...recall(0.5) }))).not.toThrow()
  })
})

describe('what a run was asked for', () => {
  const path = { arm: 'bench', params: {}, exact: true }
  const withLast = (row: ResultRow): BenchResult => ({
    ...createResult(),
    paths: [createRow({ id: 'addon-exact' }), row],
  })
  const unavailable = withLast({ ...path, id: 'extension-exact', status: 'unavailable', reason: 'None.' })
  const failed = withLast({ ...path, id: 'sql', params: { workers: 1 }, status: 'failed', reason: 'Full.' })

  it('is there where every row was measured, and where nobody named the path that is not', () => {
    expect(() => checkCompleteness(withRow({}), ['addon-exact'])).not.toThrow()
    expect(() => checkCompleteness(unavailable, [])).not.toThrow()
    expect(() => checkCompleteness(unavailable, ['addon-exact'])).not.toThrow()
  })

  it('is missing where a path was named that could not run, and where a row failed', () => {
    expect(() => checkCompleteness(unavailable, ['extension-exact'])).toThrowError(
      expect.objectContaining({
        code: 'ERR_INCOMPLETE',
        message: 'Not all that was asked for could be measured: extension-exact',
      }),
    )
    expect(() => checkCompleteness(failed, [])).toThrowError(
      expect.objectContaining({ message: expect.stringContaining('sql {"workers":1}') }),
    )
  })

  it('is missing where the run was stopped', () => {
    const stopped = { ...createResult(), isComplete: false }
    expect(() => checkCompleteness(stopped, [])).toThrowError(
      expect.objectContaining({ code: 'ERR_ABORTED' }),
    )
  })
})
