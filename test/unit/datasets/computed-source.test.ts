import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Matrix } from '#src/datasets/dataset.js'
import { embedAll } from '#src/datasets/sources/embedding-run.js'
import type { Source } from '#src/datasets/sources/source.js'
import { importDataset, importInto } from '#src/datasets/stored-datasets.js'
import { readStored, storedFile, workFolder } from '#src/datasets/stored-source.js'
import { SimdgresError } from '#src/errors.js'
import { silent } from '#src/progress.js'
import { type StubLog, startStub, stubVector } from './support/stub-embedder.js'
import { emptyCache, tempFolder } from './temp-folder.js'
import { encodeNpy, encodings } from './vector-files.js'

const dims = 4
const texts = Array.from({ length: 1000 }, (_, index) => `text ${index}`)
const rows = texts.map((text) => [...stubVector(text, dims)])
const options = { progress: silent, signal: undefined }

let cache: string
let log: StubLog
beforeEach(() => {
  cache = emptyCache()
  log = { texts: [], open: 0 }
})

/** A small data set that is computed as wordnet-512 is. */
function tiny(beforeCall?: () => Promise<void> | void): Source {
  const startEmbedder = async () => startStub(dims, log, beforeCall)
  return {
    ...{ name: 'tiny', description: '', metric: 'cosine', rows: 1000, dims, version: '1.2', packages: [] },
    make: (work) => embedAll({ name: 'tiny', texts, dims, threads: 2, startEmbedder, ...work }),
    computed: {
      msPerRow: 1,
      check: async ({ data }: Matrix, origin) => {
        if (Math.abs(data[0]! - rows[0]![0]!) < 1e-3) return
        throw new SimdgresError('ERR_CORRUPT_DATA', `${origin} is not tiny`, 'Name another.')
      },
    },
  }
}

const names = () => readdirSync(join(cache, 'datasets')).filter((name) => !name.endsWith('.lock'))

test('is made once, sealed, and read back; its work folder goes', async () => {
  const first = await readStored(tiny(), options)
  expect(names()).toEqual(['tiny-1.2.matrix'])
  const second = await readStored(tiny(), options)
  expect(second).toEqual(first)
  expect(log.texts.length).toBe(1000)
})

test('two at once: one makes it, the other waits for it', async () => {
  const [first, second] = await Promise.all([readStored(tiny(), options), readStored(tiny(), options)])
  expect(second).toEqual(first)
  expect(log.texts.length).toBe(1000)
})

test('one that waits says for what', async () => {
  const notes: string[] = []
  const slow = readStored(
    tiny(() => new Promise((resolve) => setTimeout(resolve, 60))),
    options,
  )
  while (!existsSync(workFolder(tiny()))) await new Promise((resolve) => setTimeout(resolve, 20))
  await readStored(tiny(), { ...options, progress: { ...silent, note: (text) => notes.push(text) } })
  await slow
  expect(notes).toEqual(['Waiting for another process that is making tiny.'])
})

test('stopped, it leaves its work, and goes on from there', async () => {
  const controller = new AbortController()
  let calls = 0
  const stopping = tiny(() => (++calls > 80 ? controller.abort() : undefined))
  await expect(readStored(stopping, { ...options, signal: controller.signal })).rejects.toMatchObject({
    code: 'ERR_ABORTED',
  })
  expect(names()).toEqual(['tiny-1.2.unfinished'])
  const before = readdirSync(workFolder(stopping)).length
  log.texts.length = 0
  await readStored(tiny(), options)
  expect(log.texts.length).toBe(1000 - before * 256)
  expect(names()).toEqual(['tiny-1.2.matrix'])
})

describe('from a file', () => {
  const write = (vectors: readonly (readonly number[])[]) => {
    const path = join(tempFolder(), 'tiny.npy')
    writeFileSync(path, encodeNpy(vectors, "'<f4'", encodings.f32))
    return path
  }

  test('it is what computing gives, and nothing is computed any more', async () => {
    const made = await readStored(tiny(), options)
    emptyCache()
    log.texts.length = 0
    await importInto(tiny(), write(rows), options)
    expect(await readStored(tiny(), options)).toEqual(made)
    expect(log.texts).toEqual([])
    expect(existsSync(workFolder(tiny()))).toBe(false)
  })

  test('of another shape, or of other vectors, is refused', async () => {
    await expect(importInto(tiny(), write(rows.slice(1)), options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/tiny\.npy holds 999 x 4 values, and tiny has 1000 x 4/),
    })
    await expect(importInto(tiny(), write(rows.toReversed()), options)).rejects.toMatchObject({
      code: 'ERR_CORRUPT_DATA',
    })
    expect(existsSync(storedFile(tiny()).path)).toBe(false)
  })

  test('a data set that is downloaded whole is fetched instead', async () => {
    await expect(importDataset('mnist-784', 'x.npy')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('one that is computed (wordnet-512)'),
      hint: 'Fetch it: simdgres data fetch mnist-784.',
    })
  })
})
