import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import h5wasm from 'h5wasm/node'
import { parquetWriteFile } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { groundTruth } from '#src/datasets/ground-truth.js'
import { holdOut } from '#src/datasets/hold-out.js'
import { readVectors } from '#src/datasets/readers/list.js'
import type { Progress } from '#src/progress.js'
import { emptyCache } from './temp-folder.js'
import { encodeBin, encodeNpy, encodeVecs, encodings } from './vector-files.js'

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simdgres-part-'))
  await h5wasm.ready
})
afterAll(() => rmSync(folder, { recursive: true }))

const [count, dims] = [3000, 6]
const rows = Array.from({ length: count }, (_, row) =>
  Array.from({ length: dims }, (_, i) => (row % 97) + Math.fround(Math.sin(row * dims + i))),
)
const flat = Float32Array.from(rows.flat())
const { f32, i32 } = encodings

function write(name: string, content: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const columns = Array.from({ length: dims }, (_, i) => rows.map((row) => row[i]!))
const files: Readonly<Record<string, () => string>> = {
  '.fvecs': () => write('x.fvecs', encodeVecs(rows, f32)),
  '.fbin': () => write('x.fbin', encodeBin(rows, f32)),
  '.npy': () => write('x.npy', encodeNpy(rows, "'<f4'", f32)),
  '.npy by columns': () =>
    write('y.npy', encodeNpy(columns, "'<f4'", f32, { shape: `(${count}, ${dims})`, order: 'True' })),
  '.parquet': () => {
    const filename = join(folder, 'x.parquet')
    parquetWriteFile({
      ...{ filename, rowGroupSize: 500 },
      columnData: [{ name: 'emb', data: rows }],
      schema: [
        { name: 'root', num_children: 1 },
        { name: 'emb', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', repetition_type: 'OPTIONAL', type: 'FLOAT' },
      ],
    })
    return filename
  },
  '.hdf5': () => {
    const path = join(folder, 'x.hdf5')
    const file = new h5wasm.File(path, 'w')
    file.create_dataset({ name: 'train', data: flat, shape: [count, dims] })
    file.close()
    return path
  },
}

describe.each(Object.keys(files))('a part of a file of %s', (kind) => {
  test.each([20, 1500])('of %i rows is that of the whole file', async (maxRows) => {
    const path = files[kind]!()
    const options = { queries: 15, seed: 3 }
    const part = await loadDataset(path, { ...options, maxRows })
    const whole = holdOut(await readVectors(path), { ...options, maxRows })
    expect(part.base).toEqual(whole.base)
    expect(part.queries).toEqual(whole.queries)
  })
})

/** Bytes that this process has read by system calls. */
const readBytes = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1])

test.skipIf(process.platform !== 'linux')(
  'a hundred rows of thirty gigabytes are read without the others, for which there is no memory',
  async () => {
    const path = join(folder, 'huge.fbin')
    const [allRows, width] = [10_000_000, 768]
    const header = Buffer.alloc(8)
    header.writeUInt32LE(allRows, 0)
    header.writeUInt32LE(width, 4)
    writeFileSync(path, header)
    // Zeros that take no disk.
    truncateSync(path, 8 + allRows * width * 4)
    const before = readBytes()
    const { base, queries } = await loadDataset(path, { maxRows: 100, queries: 10 })
    expect([base.rows, queries.rows, base.dims]).toEqual([100, 10, width])
    expect(readBytes() - before).toBeLessThan(110 * width * 4 + 1e6)
    await expect(loadDataset(path, { queries: 10 })).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      message: expect.stringMatching(/needs [\d,]+ MB of memory/),
      hint: expect.stringContaining('--rows'),
    })
    rmSync(path)
  },
)

describe('neighbours that come with the queries', () => {
  const base = rows.slice(0, 400)
  const asked = rows.slice(1000, 1012).map((row) => row.map((value) => value + 0.1))
  const nearest = asked.map((query) =>
    base
      .map((row, id) => ({
        id,
        distance: Math.hypot(...row.map((value, i) => value - Math.fround(query[i]!))),
      }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 5)
      .map(({ id }) => id),
  )

  async function find(truth: readonly (readonly number[])[], options: { maxRows?: number } = {}) {
    emptyCache()
    const notes: string[] = []
    const progress: Progress = { note: (text) => notes.push(text), step: () => undefined }
    const dataset = await loadDataset(write('base.fvecs', encodeVecs(base, f32)), {
      ...{ queriesFile: write('asked.fvecs', encodeVecs(asked, f32)), ...options, progress },
      truthFile: write('truth.ivecs', encodeVecs(truth, i32)),
    })
    return { notes, dataset, truth: await groundTruth(dataset, 5, { progress }) }
  }

  test('in .ivecs are the truth where a sample of them is right', async () => {
    const { notes, dataset, truth } = await find(nearest)
    expect(dataset.queries.rows).toBe(12)
    expect(notes).toEqual([expect.stringContaining('are those that came with the data')])
    expect([...truth.ids]).toEqual(nearest.flat())
    expect(truth.distances[0]).toBeGreaterThan(0)
  })

  test.each([
    ['wrong', nearest.map(([first, ...others]) => [(first! + 200) % 400, ...others])],
    ['beyond the rows', nearest.map(([, ...others]) => [400, ...others])],
    ['twice', nearest.map(([first, , ...others]) => [first!, first!, ...others])],
  ])('that are %s are found anew', async (_what, wrong) => {
    const { notes, truth } = await find(wrong)
    expect(notes).toEqual([expect.stringContaining('are not used: ')])
    expect([...truth.ids]).toEqual(nearest.flat())
  })

  test('are those of all rows, and not of a part', async () => {
    const { notes, truth } = await find(nearest, { maxRows: 100 })
    expect(notes).toEqual([])
    expect(Math.max(...truth.ids)).toBeLessThan(100)
  })

  test('of other queries, without queries, and beside no file are refused', async () => {
    await expect(find(nearest.slice(1))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    const path = write('alone.fvecs', encodeVecs(base, f32))
    await expect(loadDataset(path, { truthFile: path })).rejects.toThrow(/which it is of/)
    await expect(loadDataset('synthetic-100x4', { queriesFile: path })).rejects.toThrow(/beside a --dataset/)
  })

  test('in an HDF5 file are the truth as well', async () => {
    emptyCache()
    const path = join(folder, 'given.hdf5')
    const file = new h5wasm.File(path, 'w')
    file.create_dataset({ name: 'train', data: Float32Array.from(base.flat()), shape: [400, dims] })
    file.create_dataset({ name: 'test', data: Float32Array.from(asked.flat()), shape: [12, dims] })
    file.create_dataset({ name: 'neighbors', data: Int32Array.from(nearest.flat()), shape: [12, 5] })
    file.create_attribute('distance', 'euclidean')
    file.close()
    const notes: string[] = []
    const progress: Progress = { note: (text) => notes.push(text), step: () => undefined }
    const dataset = await loadDataset(path, { queries: 7 })
    const truth = await groundTruth(dataset, 5, { progress })
    expect(notes).toEqual([expect.stringContaining('are those that came with the data')])
    emptyCache()
    const { neighbours: _, ...without } = dataset
    expect(truth).toEqual(await groundTruth(without, 5))
  })
})
