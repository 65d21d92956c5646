import { expect, it } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { holdSet, ownSet } from '#src/paths/shared-sets.js'
import { capabilities } from '#src/vectors/capabilities.js'
import { VectorSet, type VectorSetOptions } from '#src/vectors/vector-set.js'

/** The addon, watched: how many copies of the vectors there are, and were at most. */
function watchSets() {
  const copies = { now: 0, most: 0 }
  const from = (data: Float32Array, options: VectorSetOptions) => {
    const set = VectorSet.from(data, options)
    copies.most = Math.max(copies.most, ++copies.now)
    const close = () => {
      copies.now--
      set.close()
    }
    return { search: set.search.bind(set), close }
  }
  return { copies, library: { VectorSet: { from }, capabilities } }
}

it('paths of this process search one copy of the vectors, by its codes or by a scan', async () => {
  const { copies, library } = watchSets()
  const dataset = await loadDataset('synthetic-4000x48-i8', { queries: 20 })
  const { data, dims } = dataset.queries
  const exact = holdSet(library, dataset, false)
  const levels = holdSet(library, dataset, true)
  const batch = holdSet(library, dataset, false)
  expect(copies).toEqual({ now: 1, most: 1 })
  for (const { ms } of [exact.load, levels.load, batch.load]) expect(ms).toBeGreaterThan(0)
  // To make codes takes longer than to copy, and the scan of vectors has none of it.
  expect(levels.load.ms).toBeGreaterThan(exact.load.ms)
  expect(batch.load).toBe(exact.load)
  const query = data.subarray(0, dims)
  const scanned = await exact.current.search(query, { k: 10, threads: 1, scan: true })
  const coded = await levels.current.search(query, { k: 10, threads: 1 })
  expect(scanned.ids).toEqual(coded.ids)
  exact.release()
  exact.release()
  batch.release()
  expect(copies.now).toBe(1)
  levels.release()
  expect(copies.now).toBe(0)
})

it('a library of another version has sets of its own, which nobody else closes', async () => {
  const { copies, library } = watchSets()
  const dataset = await loadDataset('synthetic-1000x8', { queries: 5 })
  const [one, other] = [ownSet(library, dataset, false), ownSet(library, dataset, true)]
  expect(copies.now).toBe(2)
  one.release()
  other.release()
  expect(copies.now).toBe(0)
})

it('where codes cannot be made, who searched without them still does', async () => {
  const { copies, library } = watchSets()
  const dataset = await loadDataset('synthetic-500x8', { queries: 5 })
  const exact = holdSet(library, dataset, false)
  const { from } = library.VectorSet
  library.VectorSet.from = (data, options) => {
    if (options.codes !== undefined) throw new Error('no memory')
    return from(data, options)
  }
  expect(() => holdSet(library, dataset, true)).toThrow('no memory')
  const query = dataset.queries.data.subarray(0, 8)
  expect((await exact.current.search(query, { k: 3, threads: 1 })).ids).toHaveLength(3)
  exact.release()
  expect(copies.now).toBe(0)
})
