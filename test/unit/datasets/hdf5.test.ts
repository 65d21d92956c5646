import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import h5wasm from 'h5wasm/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { readVectors } from '#src/datasets/readers/list.js'

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simdgres-hdf5-'))
  await h5wasm.ready
})
afterAll(() => rmSync(folder, { recursive: true }))

const dims = 4
const train = Float32Array.from({ length: 100 * dims }, (_, i) => Math.sin(i))
const test10 = Float32Array.from({ length: 10 * dims }, (_, i) => Math.cos(i))

interface Content {
  readonly [name: string]: {
    readonly data: Float32Array | Float64Array | Int32Array
    readonly shape: number[]
  }
}

/** As ann-benchmarks writes them. */
function write(name: string, content: Content, distance?: string): string {
  const path = join(folder, name)
  const file = new h5wasm.File(path, 'w')
  for (const [key, value] of Object.entries(content)) file.create_dataset({ name: key, ...value })
  if (distance !== undefined) file.create_attribute('distance', distance)
  file.close()
  return path
}

const usual: Content = {
  train: { data: train, shape: [100, dims] },
  test: { data: test10, shape: [10, dims] },
  neighbors: { data: new Int32Array(10 * 5), shape: [10, 5] },
  distances: { data: new Float32Array(10 * 5), shape: [10, 5] },
}

describe('an HDF5 file of ann-benchmarks', () => {
  test('brings vectors, queries and metric', async () => {
    const data = await loadDataset(write('glove.hdf5', usual, 'angular'))
    expect(data).toMatchObject({ name: 'glove.hdf5', metric: 'cosine', synthetic: false })
    expect(data.base).toEqual({ data: train, rows: 100, dims })
    expect(data.queries).toEqual({ data: test10, rows: 10, dims })
  })

  test('can be searched in part, by another metric', async () => {
    const path = write('part.hdf5', usual, 'angular')
    const options = { maxRows: 40, queries: 3, metric: 'l2', seed: 2 } as const
    const data = await loadDataset(path, options)
    expect([data.base.rows, data.queries.rows, data.metric]).toEqual([40, 3, 'l2'])
    expect((await loadDataset(path, options)).sha256).toBe(data.sha256)
    await expect(loadDataset(path, { queries: 11 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('at most the 10 queries of the data set'),
    })
  })

  test('of double is read, and one without queries has some held out', async () => {
    const path = write('double.h5', { train: { data: Float64Array.from(train), shape: [100, dims] } })
    const data = await loadDataset(path)
    expect([data.base.rows, data.queries.rows, data.metric]).toEqual([90, 10, 'l2'])
    expect((await readVectors(path)).data).toEqual(train)
  })

  test.each([
    ['no train', { test: usual['test']! }, 'ERR_INVALID_ARGUMENT', 'has no data set "train": found test'],
    [
      'three dimensions',
      { train: { data: train, shape: [10, 10, dims] } },
      'ERR_INVALID_ARGUMENT',
      'an array of 3 dimensions in "train"',
    ],
    [
      'queries of other dims',
      { ...usual, test: { data: test10, shape: [20, 2] } },
      'ERR_CORRUPT_DATA',
      'queries ("test") of 2 dims for vectors ("train") of 4',
    ],
    [
      'NaN',
      {
        ...usual,
        train: { data: train.map((value, i) => (i === 9 ? Number.NaN : value)), shape: [100, dims] },
      },
      'ERR_CORRUPT_DATA',
      'has NaN in row 2: expected a finite f32 value in dimension 1 of "train"',
    ],
  ])('with %s says so', async (_, content, code, message) => {
    const path = write('wrong.hdf5', content as Content)
    await expect(loadDataset(path)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('that is cut off, or something else, is damaged', async () => {
    const bytes = readFileSync(write('whole.hdf5', usual))
    for (const [name, content] of [
      ['cut.hdf5', bytes.subarray(0, 1000)],
      ['text.hdf5', Buffer.from('not a file of HDF5')],
      ['empty.hdf5', Buffer.alloc(0)],
    ] as const) {
      writeFileSync(join(folder, name), content)
      await expect(readVectors(join(folder, name))).rejects.toMatchObject({
        code: 'ERR_CORRUPT_DATA',
        message: expect.stringContaining(name),
      })
    }
  })
})
