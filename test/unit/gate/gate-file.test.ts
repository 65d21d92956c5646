import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#src/gate/decide.js'
import { describeGateFileSchema, gateFileSchema, policyOf } from '#src/gate/gate-file.js'

describe('the file of the gate', () => {
  it('has its JSON Schema in docs/', () => {
    const written = readFileSync(new URL('../../../docs/simdgres.schema.json', import.meta.url), 'utf8')
    // Made anew by `node scripts/result-schema.mjs`.
    expect(JSON.parse(written)).toEqual(JSON.parse(describeGateFileSchema()))
    expect(JSON.parse(written)).toMatchObject({ additionalProperties: false })
  })

  it('has the example of the documentation', () => {
    const text = readFileSync(new URL('../../../docs/gate.md', import.meta.url), 'utf8')
    const [, example = ''] = /^```json\n(.*?)^```/ms.exec(text) ?? []
    expect(gateFileSchema.parse(JSON.parse(example)).paths).toContain('pgvector-hnsw')
  })

  it('changes of the policy what it names, in the units of a reader', () => {
    expect(policyOf({})).toEqual(defaultPolicy)
    const { alpha, minBlocks, effects } = policyOf({
      policy: { blocks: 20, minimalChange: 0.03, minimalRecallLoss: 0.001 },
    })
    expect([alpha, minBlocks]).toEqual([defaultPolicy.alpha, 20])
    expect(effects['log-ratio']).toEqual({
      minimal: Math.log1p(0.03),
      detectable: defaultPolicy.effects['log-ratio'].detectable,
    })
    expect(effects.share.minimal).toBe(0.001)
  })
})
