import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findNearest } from '#src/datasets/brute-force.js'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Dataset } from '#src/datasets/dataset.js'
import { checkSample, groundTruth } from '#src/datasets/ground-truth.js'
import type { Metric } from '#src/vectors/metric.js'
import { emptyCache } from './temp-folder.js'
import { trueDistance } from './true-distance.js'

const k = 10
const load = (metric: Metric) => loadDataset('synthetic-3000x33-i8-c30-s5', { queries: 60, metric })

/** By sorting all distances: shares nothing with the selection of brute-force.ts. */
function sortAll({ metric, base, queries }: Dataset, query: number): [id: number, distance: number][] {
  const at = (data: Float32Array, row: number) => data.subarray(row * base.dims, (row + 1) * base.dims)
  const all = Array.from({ length: base.rows }, (_, id): [number, number] => {
    return [id, trueDistance(metric, at(queries.data, query), at(base.data, id))]
  })
  return all.sort(([idA, a], [idB, b]) => a - b || idA - idB).slice(0, k)
}

describe.each(['l2', 'cosine', 'ip', 'l1'] as const)('%s', (metric) => {
  test('neighbours of every query are those of sorting all distances', async () => {
    emptyCache()
    const dataset = await load(metric)
    const truth = await groundTruth(dataset, k, { threads: 2 })
    expect([truth.k, truth.ids.length, truth.distances.length]).toEqual([k, 60 * k, 60 * k])
    for (let query = 0; query < dataset.queries.rows; query++) {
      const expected = sortAll(dataset, query)
      expect([...truth.ids.subarray(query * k, (query + 1) * k)]).toEqual(expected.map(([id]) => id))
      for (const [rank, [, distance]] of expected.entries()) {
        expect(truth.distances[query * k + rank]).toBeCloseTo(distance, 9)
      }
      expect([...findNearest(dataset, query, k).ids]).toEqual(expected.map(([id]) => id))
    }
  })

  test('the check refuses a neighbour that is not one, a wrong distance and a repeated id', async () => {
    emptyCache()
    const dataset = await load(metric)
    const truth = await groundTruth(dataset, k)
    await checkSample(dataset, truth)
    const spoil = async (change: (ids: Uint32Array, distances: Float64Array, start: number) => void) => {
      const [ids, distances] = [truth.ids.slice(), truth.distances.slice()]
      // In every query, because the check looks at a sample.
      for (let start = 0; start < ids.length; start += k) change(ids, distances, start)
      await expect(checkSample(dataset, { k, ids, distances })).rejects.toMatchObject({
        code: 'ERR_CHECK_FAILED',
      })
    }
    await spoil((ids, _, start) => ids.fill((ids[start]! + 1) % 3000, start, start + 1))
    await spoil((_, distances, start) => distances.fill(distances[start + 5]! + 1e-6, start + 5, start + 6))
    await spoil((ids, distances, start) => {
      ids[start + 1] = ids[start]!
      distances[start + 1] = distances[start]!
    })
  })
})

test('ties go to the smaller id', async () => {
  emptyCache()
  const base = { data: Float32Array.of(2, 1, -1, 1, 3), rows: 5, dims: 1 }
  const queries = { data: Float32Array.of(0), rows: 1, dims: 1 }
  const dataset: Dataset = { name: 'ties', metric: 'l2', base, queries, synthetic: true, sha256: 'ties' }
  expect([...(await groundTruth(dataset, 4)).ids]).toEqual([1, 2, 3, 0])
  expect([...findNearest(dataset, 0, 4).ids]).toEqual([1, 2, 3, 0])
})

describe('the cache', () => {
  test('answers without another search, for the same content and k only, and is made again where damaged', async () => {
    const folder = join(emptyCache(), 'ground-truth')
    const steps: string[] = []
    const notes: string[] = []
    const progress = { note: (text: string) => notes.push(text), step: (label: string) => steps.push(label) }
    const dataset = await load('l2')
    const truth = await groundTruth(dataset, k, { progress })
    expect(new Set(steps)).toEqual(new Set(['Finding the true neighbours', 'Checking them in float64']))
    expect(readdirSync(folder)).toEqual([`${dataset.sha256}-k10.truth`])

    steps.length = 0
    expect(await groundTruth(dataset, k, { progress })).toEqual(truth)
    expect(steps).toEqual([])

    const path = join(folder, `${dataset.sha256}-k10.truth`)
    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(path, bytes)
    expect(await groundTruth(dataset, k, { progress })).toEqual(truth)
    expect(notes).toEqual([`The cache file ${path} does not match its checksum; it is made again.`])
    expect(steps.length).toBeGreaterThan(0)

    expect((await groundTruth(dataset, 3)).ids.subarray(0, 3)).toEqual(truth.ids.subarray(0, 3))
    expect(readdirSync(folder).length).toBe(2)
  })

  test('an abort leaves nothing in it', async () => {
    const folder = join(emptyCache(), 'ground-truth')
    const controller = new AbortController()
    const progress = { note: () => undefined, step: () => controller.abort() }
    const searching = groundTruth(await load('l2'), k, { progress, signal: controller.signal })
    await expect(searching).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(readdirSync(folder)).toEqual([])
  })
})

test.each([
  [0, 'a positive integer for k'],
  [-1, 'a positive integer for k'],
  [1.5, 'a positive integer for k'],
  [3001, 'has 3000 vectors to search, fewer than the k = 3001 neighbours'],
])('k = %d is refused', async (wrong, message) => {
  emptyCache()
  await expect(groundTruth(await load('l2'), wrong)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining(message),
  })
})
