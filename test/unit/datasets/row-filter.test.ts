import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { distanceAt } from '#src/datasets/distance.js'
import { groundTruth } from '#src/datasets/ground-truth.js'
import { countPassing, createRowFilters, filteredTruth, readFilterName } from '#src/datasets/row-filter.js'
import { Random } from '#src/stats/random.js'
import { emptyCache } from './temp-folder.js'

const k = 4
const load = () => loadDataset('synthetic-900x7', { queries: 12 })
const filters = createRowFilters(900, [50, 2], new Random(3))

test.each([50, 2])('the truth under a filter of %s %% is that of the rows that pass', async (percent) => {
  emptyCache()
  const dataset = await load()
  const { base, queries } = dataset
  const truth = await filteredTruth(dataset, k, filters, percent)
  const passing = [...filters.places.keys()].filter(truth.passes!)
  expect(passing).toHaveLength(countPassing(900, percent))
  for (let query = 0; query < queries.rows; query++) {
    const distances = passing.map((id) => ({
      id,
      distance: distanceAt.l2(queries.data, query * 7, base.data, id * 7, 7),
    }))
    const nearest = distances.sort((a, b) => a.distance - b.distance || a.id - b.id).slice(0, k)
    expect([...truth.ids.subarray(query * k, (query + 1) * k)]).toEqual(nearest.map(({ id }) => id))
  }
})

test('each filter has a file of its own in the cache, and is read from it', async () => {
  const cache = emptyCache()
  const dataset = await load()
  const all = await groundTruth(dataset, k)
  const made = await filteredTruth(dataset, k, filters, 50)
  await filteredTruth(dataset, k, filters, 2)
  expect(readdirSync(join(cache, 'ground-truth'))).toHaveLength(3)
  expect((await filteredTruth(dataset, k, filters, 50)).ids).toEqual(made.ids)
  expect(await groundTruth(dataset, k)).toEqual(all)
  expect(readdirSync(join(cache, 'ground-truth'))).toHaveLength(3)
})

test('the rows of a narrow filter also pass a wider one, and the seed decides which they are', () => {
  const passing = (places: Uint32Array, percent: number) =>
    [...places.keys()].filter((row) => places[row]! < countPassing(900, percent))
  expect(passing(filters.places, 50)).toEqual(expect.arrayContaining(passing(filters.places, 2)))
  expect(createRowFilters(900, [50], new Random(3)).places).toEqual(filters.places)
  expect(createRowFilters(900, [50], new Random(4)).places).not.toEqual(filters.places)
})

test('a filter that lets too few rows pass has no truth', async () => {
  await expect(filteredTruth(await load(), k, filters, 0.1)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('lets 1 of 900 rows pass, fewer than the k = 4'),
    hint: expect.stringContaining('Let 0.45% or more pass'),
  })
})

test.each(['1', '0%', '101%', 'x%', undefined])('%s is no name of a filter', (name) => {
  expect(() => readFilterName(name)).toThrowError(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
})
