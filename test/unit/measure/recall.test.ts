import { describe, expect, it } from 'vitest'
import type { Dataset } from '#src/datasets/dataset.js'
import { describeFloat4Limit } from '#src/measure/caveats/float4-limit.js'
import { isRightInFloat4, queryRecall, summariseRecall } from '#src/measure/recall.js'
import { createLineDataset, truthOf } from './plain-corpus.js'

describe('recall of one query', () => {
  // Nearest of 5: 5, then 4 and 6, then 3 and 7.
  const dataset = createLineDataset(20, [5])
  const truth = truthOf(dataset, 4)
  const recall = (...ids: number[]) => queryRecall(dataset, truth, 0, Uint32Array.from(ids))

  it('counts true neighbours in any order', () => {
    expect(recall(4, 6, 5, 3)).toBe(1)
  })

  it('accepts the other row of a tie at rank k', () => {
    expect(truth.ids[3]).toBe(3)
    expect(recall(5, 4, 6, 7)).toBe(1)
  })

  it('counts misses, missing places and rows that do not exist', () => {
    expect(recall(5, 4, 6, 8)).toBe(0.75)
    expect(recall(5, 4)).toBe(0.5)
    expect(recall()).toBe(0)
    expect(recall(5, 4, 6, 4_000_000_000)).toBe(0.75)
  })

  it('counts no row that the filter rules out, and does not doubt the truth for one that is nearer', () => {
    const passes = (row: number) => row % 2 === 0
    const even = { k: 2, ids: Uint32Array.of(4, 6), distances: Float64Array.of(1, 1), passes }
    expect(queryRecall(dataset, even, 0, Uint32Array.of(6, 4))).toBe(1)
    expect(queryRecall(dataset, even, 0, Uint32Array.of(5, 4))).toBe(0.5)
  })

  it('counts a row once, and looks at k places only', () => {
    expect(recall(5, 5, 5, 5)).toBe(0.25)
    expect(recall(10, 11, 12, 13, 5, 4, 6, 3)).toBe(0)
  })

  it('lets rows differ by what float4 can show, and no more', () => {
    const near = { ...dataset, base: { ...dataset.base, data: dataset.base.data.slice() } }
    near.base.data[2 * 8] = 7 + 1e-6
    expect(queryRecall(near, truth, 0, Uint32Array.from([5, 4, 6, 8]))).toBe(1)
    near.base.data[2 * 8] = 7 + 1e-4
    expect(queryRecall(near, truth, 0, Uint32Array.from([5, 4, 6, 8]))).toBe(0.75)
  })

  it('does not take all rows of tight data for ties', () => {
    // All 20 distances lie within a millionth of each other, from 1 on.
    const tight = createLineDataset(20, [0])
    for (let row = 0; row < 20; row++) tight.base.data.set([1, row * 2e-5], row * 2)
    const nearest = truthOf(tight, 4)
    const recallOf = (...ids: number[]) => queryRecall(tight, nearest, 0, Uint32Array.from(ids))
    expect(recallOf(0, 1, 2, 3)).toBe(1)
    expect(recallOf(0, 1, 2, 19)).toBe(0.75)
    expect(recallOf(16, 17, 18, 19)).toBe(0)
    // That is what float4 can tell.
    expect(isRightInFloat4(tight, nearest, 0, Uint32Array.from([16, 17, 18, 19]))).toBe(true)
    expect(describeFloat4Limit(tight, nearest, [0], () => true)).toContain('do not tell the nearest rows')
  })

  it('takes equal distances for ties where no row is farther away', () => {
    const same = createLineDataset(20, [0])
    same.base.data.fill(1)
    expect(queryRecall(same, truthOf(same, 4), 0, Uint32Array.from([16, 17, 18, 19]))).toBe(1)
  })

  it('measures cosine distances, which cancel out, against 1', () => {
    const line = createLineDataset(3, [1])
    // Angles of 0, 1e-4 and 3e-3 from the query: cosine distances of 0, 5e-9 and 4.5e-6.
    line.base.data.set([1, 0, 1, 1e-4, 1, 3e-3])
    const angular: Dataset = { ...line, metric: 'cosine' }
    const nearest = truthOf(angular, 1)
    expect(queryRecall(angular, nearest, 0, Uint32Array.of(1))).toBe(1)
    expect(queryRecall(angular, nearest, 0, Uint32Array.of(2))).toBe(0)
  })

  it('takes inner products, which are negative, the right way round', () => {
    const products: Dataset = { ...createLineDataset(20, [1]), metric: 'ip' }
    const nearest = truthOf(products, 2)
    expect(queryRecall(products, nearest, 0, Uint32Array.from([19, 18]))).toBe(1)
    expect(queryRecall(products, nearest, 0, Uint32Array.from([19, 17]))).toBe(0.5)
  })
})

describe('recall over queries', () => {
  it('comes with an interval that contains it', () => {
    const recalls = Array.from({ length: 100 }, (_, i) => (i < 80 ? 1 : 0.5))
    const { mean, ci95 } = summariseRecall(recalls)
    expect(mean).toBeCloseTo(0.9, 12)
    // Standard error of the mean: 0.2 / sqrt(100). It reaches farther down than up, because 1 is near.
    expect(ci95[1] - ci95[0]).toBeCloseTo(2 * 1.984 * 0.02, 2)
    expect(ci95[0]).toBeGreaterThan(0.845)
    expect(ci95[0]).toBeLessThan(0.9 - 1.96 * 0.02)
    expect(ci95[1]).toBeGreaterThan(0.9 + 1.5 * 0.02)
  })

  it('does not claim certainty from a few perfect queries', () => {
    const { mean, ci95 } = summariseRecall([1, 1, 1])
    expect(mean).toBe(1)
    // Three queries, not thirty places: each was found as a whole.
    expect(ci95[0]).toBeCloseTo(0.4385, 4)
    expect(ci95[1]).toBe(1)
  })
})
