import { describe, expect, it } from 'vitest'
import { bracket, chooseVariants, type Step } from '#src/measure/choose-variants.js'
import type { Variant } from '#src/paths/search-path.js'
import { silent } from '#src/progress.js'
import { createLineDataset, PlainCorpus, truthOf } from './plain-corpus.js'

const steps = (...means: number[]): Step[] => means.map((mean) => ({ mean, standardError: 0.002 }))

describe('the steps that a bench shows', () => {
  it('stand on both sides of .90, .95 and .99', () => {
    expect(bracket(steps(0.6, 0.7, 0.85, 0.93, 0.96, 0.985, 0.995, 0.999))).toEqual([2, 3, 4, 5, 6])
  })

  it('leave out one whose recall is as near to an aim as its own error', () => {
    expect(bracket(steps(0.8, 0.988, 0.992, 0.999))).toEqual([0, 1, 3])
  })

  it('are the first where all are beyond, and end with the last where none is', () => {
    expect(bracket(steps(1, 1, 1))).toEqual([0])
    expect(bracket(steps(0.2, 0.4, 0.6))).toEqual([2])
  })
})

describe('the variants of a corpus', () => {
  const dataset = createLineDataset(200, [10, 20, 30])
  const context = {
    dataset,
    truth: truthOf(dataset, 5),
    progress: silent,
    signal: new AbortController().signal,
  }

  /** Finds the first `width` of the five nearest. */
  class Ladder extends PlainCorpus {
    readonly ladders: readonly (readonly Variant[])[] = [[1, 2, 3, 4, 5, 6].map((width) => ({ width }))]
    override open = async (variant: Variant) => ({
      settings: {},
      search: async (queries: Float32Array) => {
        const at = queries[0]!
        return [Uint32Array.of(at, at - 1, at + 1, at - 2, at + 2).slice(0, Number(variant['width']))]
      },
      explain: async () => undefined,
      close: async () => undefined,
    })
  }

  it('are found by measuring them', async () => {
    expect(await chooseVariants(new Ladder(dataset, 5), context)).toEqual([{ width: 4 }, { width: 5 }])
  })

  it('are found for each filter by its own truth', async () => {
    class Filtered extends Ladder {
      override readonly ladders = ['50%', '1%'].map((filter) => [1, 2, 3].map((width) => ({ filter, width })))
    }
    // Under the wider filter the first three are all that it takes; under the narrower, the first alone.
    const filtered = new Map([
      ['50%', truthOf(dataset, 3)],
      ['1%', truthOf(dataset, 1)],
    ])
    expect(await chooseVariants(new Filtered(dataset, 5), { ...context, filtered })).toEqual([
      { filter: '50%', width: 2 },
      { filter: '50%', width: 3 },
      { filter: '1%', width: 1 },
    ])
  })

  it('are its own where it has no ladder', async () => {
    const corpus = new PlainCorpus(dataset, 5, { variants: [{ threads: 1 }] })
    expect(await chooseVariants(corpus, context)).toEqual([{ threads: 1 }])
  })

  it('are its usual ones where they cannot be tried: its rows will say why', async () => {
    const corpus = new Ladder(dataset, 5, { variants: [{ width: 2 }] })
    corpus.open = async () => {
      throw new Error('The index is gone')
    }
    expect(await chooseVariants(corpus, context)).toEqual([{ width: 2 }])
  })
})
