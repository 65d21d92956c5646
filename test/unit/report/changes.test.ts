import { describe, expect, it } from 'vitest'
import { describeChanges } from '#src/report/changes.js'
import { listDifferences } from '#src/result/differences.js'
import { createResult } from './sample-result.js'

const now = createResult()

describe('an earlier result', () => {
  it('is set beside the present one, row by row', () => {
    expect(listDifferences({ before: createResult(), now })).toEqual([])
    expect(describeChanges({ before: createResult(), now })).toContain(
      'pgvector-hnsw m=16 ef_search=10: p50 1.00 → 1.00 ms, recall 0.7123 → 0.7123',
    )
  })

  it('of other data is not compared without a warning', () => {
    const before = { ...now, dataset: { ...now.dataset, sha256: 'another', rows: 7 } }
    expect(listDifferences({ before, now })).toEqual([
      expect.stringMatching(
        /^The earlier run searched other data \(.*, 7 x .*run again with the same --dataset/,
      ),
    ])
  })

  it('of another number of neighbours is not either', () => {
    const before = { ...now, dataset: { ...now.dataset, k: 3 } }
    expect(listDifferences({ before, now })).toEqual([expect.stringMatching(/for 3 neighbours.*--k 3/)])
  })

  it('of another machine is not compared without a warning', () => {
    const before = { ...now, machine: { fingerprint: 'another' } }
    expect(listDifferences({ before, now })).toEqual([
      expect.stringMatching(/^The earlier run was on another machine .*measure both versions on one machine/),
    ])
  })

  it('without a row of the present one says so', () => {
    expect(describeChanges({ before: { ...now, paths: [] }, now })).toEqual([
      'No row of the earlier run was measured again.',
    ])
  })
})
