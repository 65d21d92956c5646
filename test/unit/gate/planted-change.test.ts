import { describe, expect, it } from 'vitest'
import { choosePlants, loseNeighbours } from '#src/gate/planted-change.js'
import type { Corpus, Searcher } from '#src/paths/search-path.js'

const nearest = Uint32Array.of(7, 1, 2, 3, 4, 5, 6, 8, 9, 10)

describe('a self-test', () => {
  it('slows an exact path of ours down and takes recall from an approximate one', () => {
    expect(choosePlants(['null', 'pgvector-exact', 'pgvector-hnsw', 'addon-exact'])).toEqual([
      { pathId: 'addon-exact', metric: 'time', share: 0.05 },
      { pathId: 'pgvector-hnsw', metric: 'recall', share: 0.01 },
    ])
    expect(choosePlants(['pgvector-hnsw'])).toHaveLength(1)
    expect(() => choosePlants(['null', 'sql'])).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  it('loses the share of neighbours that it says, and leaves everything else of the corpus alone', async () => {
    const searcher: Searcher = {
      settings: {},
      search: async () => [nearest],
      explain: async () => undefined,
      close: () => Promise.resolve(),
    }
    const corpus = { design: { m: 16 }, open: async () => searcher } as unknown as Corpus
    const spoiled = loseNeighbours(corpus, 0.01)
    expect(spoiled.design).toEqual({ m: 16 })
    const opened = await spoiled.open({})
    let lost = 0
    for (let query = 0; query < 1000; query++) {
      const [hits] = await opened.search(new Float32Array(1))
      lost += nearest.length - hits!.length
      if (hits!.length < nearest.length) expect(hits).toEqual(nearest.subarray(1))
    }
    expect(lost / (1000 * nearest.length)).toBeCloseTo(0.01, 3)
  })
})
