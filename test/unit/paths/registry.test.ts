import { describe, expect, it } from 'vitest'
import { pathRows } from '#src/paths/registry.js'
import { type PathId, pathIds } from '#src/paths/search-path.js'
import { silent } from '#src/progress.js'
import { createLineDataset } from '../measure/plain-path.js'

const context = {
  dataset: createLineDataset(20, [5]),
  k: 3,
  progress: silent,
  signal: new AbortController().signal,
  threads: 1,
}

describe('the list of paths', () => {
  it('has a row for every id', () => {
    expect(Object.keys(pathRows).sort()).toEqual([...pathIds].sort())
  })

  it.each(pathIds)('%s makes what its row says, or says why not', async (id: PathId) => {
    const { create, exact, needsServer } = pathRows[id]
    if (typeof create !== 'function') {
      expect(create.unavailable).toMatch(/not part of this version.*--paths/)
      return
    }
    const path = create(context)
    expect(path).toMatchObject({ id, exact })
    const availability = await path.isAvailable()
    expect(availability.available).toBe(!needsServer)
    if (!availability.available) expect(availability.reason).toContain('--target')
  })

  it('does not build extension-index and addon-quantized yet', () => {
    const missing = pathIds.filter((id) => typeof pathRows[id].create !== 'function')
    expect([...missing].sort()).toEqual(['addon-quantized', 'extension-index'])
  })
})
