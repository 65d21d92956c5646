import { describe, expect, it } from 'vitest'
import { createPath, findPathRow, needServer, pathIds, pathRows } from '#src/paths/registry.js'
import { silent } from '#src/progress.js'
import { createLineDataset } from '../measure/plain-corpus.js'

const context = {
  dataset: createLineDataset(20, [5]),
  k: 3,
  progress: silent,
  signal: new AbortController().signal,
  threads: 1,
}

describe('the list of paths', () => {
  it('names each path once', () => {
    expect(new Set(pathIds).size).toBe(pathRows.length)
  })

  it.each([...pathIds])('%s makes what its row says, or says why not', async (id) => {
    const { load, ...facts } = findPathRow(id)
    const path = await createPath(id, context)
    if ('unavailable' in path) {
      expect(load).toBe(path)
      expect(path.unavailable).toMatch(/not part of this version.*--paths/)
      return
    }
    expect(path).toMatchObject(facts)
    expect(path.designs().length).toBeGreaterThan(0)
    const availability = await path.isAvailable()
    expect(availability.available).toBe(!facts.needsServer)
    if (!availability.available) expect(availability.reason).toContain('--target')
  })

  it('builds all of them', () => {
    expect(pathRows.filter(({ load }) => typeof load !== 'function')).toEqual([])
  })

  it('knows what needs a server, and what is no path', () => {
    expect(needServer(['addon-exact', 'addon-batch'])).toBe(false)
    expect(needServer(['addon-exact', 'null'])).toBe(true)
    expect(needServer(['extension-index'])).toBe(true)
    expect(() => findPathRow('sqll')).toThrowError(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

describe('a path of this process', () => {
  it('searches in any variant, also in one that it does not show', async () => {
    const path = await createPath('addon-exact', context)
    if ('unavailable' in path) throw new Error(path.unavailable)
    const corpus = await path.prepare({})
    expect(corpus.variants()).toEqual([{ threads: 1 }])
    const searcher = await corpus.open({ threads: 2 })
    const [hits] = await searcher.search(context.dataset.queries.data)
    expect([...hits!]).toEqual([5, 4, 6])
    expect(await searcher.explain(context.dataset.queries.data)).toBeUndefined()
    await searcher.close()
    await corpus.dispose()
  })
})
