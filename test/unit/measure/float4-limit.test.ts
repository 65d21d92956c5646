import { describe, expect, it } from 'vitest'
import type { Dataset } from '#src/datasets/dataset.js'
import { describeFloat4Limit } from '#src/measure/caveats/float4-limit.js'
import { metrics } from '#src/vectors/metric.js'
import { createLineDataset, truthOf } from './plain-corpus.js'

/** Rows (i, 0) and two queries between them, all times `scale`. */
function createScaled(metric: Dataset['metric'], scale: number): Dataset {
  const line = createLineDataset(20, [4.25, 9.25])
  const grown = (data: Float32Array) => data.map((value) => value * scale)
  const base = { ...line.base, data: grown(line.base.data) }
  return { ...line, metric, base, queries: { ...line.queries, data: grown(line.queries.data) } }
}

function describeScaled(metric: Dataset['metric'], scale: number): string | undefined {
  const dataset = createScaled(metric, scale)
  return describeFloat4Limit(dataset, truthOf(dataset, 3), [0, 1], () => false)
}

describe('the range of float4', () => {
  it.each(metrics)('holds the sums of usual vectors under %s', (metric) => {
    for (const scale of [1e-6, 1, 1e6]) expect(describeScaled(metric, scale)).toBeUndefined()
  })

  it.each([
    ['l2', 1e20, 1e-25],
    ['cosine', 1e20, 1e-25],
    ['ip', 1e20, 1e-25],
    ['l1', 3e38 / 20, 1e-39],
  ] as const)('ends under %s, and says where', (metric, large, small) => {
    if (metric !== 'l1') {
      expect(describeScaled(metric, large)).toMatch(
        /float4, which overflows .* sums reach \d\.\de\+.*Scale the vectors down/,
      )
    }
    expect(describeScaled(metric, small)).toMatch(
      /float4, which underflows .* as small as \d\.\de-.*Scale the vectors up.*sql or the addon/,
    )
  })

  it('is asked only of queries whose neighbours were missed', () => {
    const dataset = createScaled('l2', 1e20)
    expect(describeFloat4Limit(dataset, truthOf(dataset, 3), [], () => true)).toBeUndefined()
  })
})
