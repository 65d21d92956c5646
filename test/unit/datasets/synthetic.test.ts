import { describe, expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Matrix } from '#src/datasets/dataset.js'
import { parseSynthetic } from '#src/datasets/synthetic.js'
import { trueDistance } from './true-distance.js'

const rowOf = ({ data, dims }: Matrix, row: number) => data.subarray(row * dims, (row + 1) * dims)

describe('names', () => {
  test('all options, in order', () => {
    const shape = { rows: 1000, dims: 64, intrinsicDims: 8, clusters: 20, seed: 7 }
    expect(parseSynthetic('synthetic-1000x64-i8-c20-s7')).toEqual(shape)
    expect(parseSynthetic('synthetic-10000x8')).toEqual({
      rows: 10_000,
      dims: 8,
      intrinsicDims: 8,
      clusters: 100,
    })
    expect(parseSynthetic('glove-100')).toBeUndefined()
  })

  test.each([
    'synthetic',
    'synthetic-10',
    'synthetic-0x4',
    'synthetic-10x0',
    'synthetic-10x70000',
    'synthetic-10x4-i5',
    'synthetic-10x4-c0',
    'synthetic-10x4-s99999999999999999999',
    'synthetic-10x4-x1',
  ])('%s is refused', (name) => {
    expect(() => parseSynthetic(name)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

test('the same name and seed give the same bits on every machine', async () => {
  const dataset = await loadDataset('synthetic-2000x48-i6-c10-s3', { queries: 100 })
  expect(dataset).toMatchObject({ synthetic: true, metric: 'l2', name: 'synthetic-2000x48-i6-c10-s3' })
  expect([dataset.base.rows, dataset.base.dims, dataset.queries.rows]).toEqual([2000, 48, 100])
  expect(dataset.sha256).toBe('f49b352b90845f3045cef9500020746d1a425772a3d58df6e109548141e24313')
})

test('seed of the caller where the name has none; rows do not depend on how many there are', async () => {
  const load = (name: string, options = {}) => loadDataset(name, { queries: 10, ...options })
  const [one, two] = [await load('synthetic-500x8-s1'), await load('synthetic-500x8', { seed: 2 })]
  expect(one.sha256).toBe((await load('synthetic-500x8', { seed: 1 })).sha256)
  expect(one.sha256).not.toBe(two.sha256)
  const part = await load('synthetic-500x8-s1', { maxRows: 100 })
  expect(part.base.data).toEqual(one.base.data.subarray(0, 800))
})

test('clusters: neighbours are far nearer than strangers, and queries come from the same clusters', async () => {
  const { base, queries } = await loadDataset('synthetic-2000x48-i6-c10', { queries: 50 })
  for (let query = 0; query < queries.rows; query++) {
    const distances = Array.from({ length: base.rows }, (_, row) => {
      return trueDistance('l2', rowOf(queries, query), rowOf(base, row))
    }).sort((a, b) => a - b)
    expect(distances[10]! / distances[1000]!).toBeLessThan(0.5)
  }
})

test('variance lies in the intrinsic dimensions: others hold little but the noise', async () => {
  const intrinsic = 4
  const { base } = await loadDataset(`synthetic-4000x16-i${intrinsic}-c50`)
  const variances = eigenvalues(covariance(base)).sort((a, b) => b - a)
  const total = variances.reduce((sum, value) => sum + value)
  const explained = variances.slice(0, intrinsic).reduce((sum, value) => sum + value) / total
  expect(explained).toBeGreaterThan(0.97)
  expect(variances[intrinsic - 1]! / variances[intrinsic]!).toBeGreaterThan(20)
  // The noise keeps every dimension alive.
  expect(variances.at(-1)).toBeGreaterThan(1e-4)
})

function covariance({ data, rows, dims }: Matrix): number[][] {
  const means = Array.from({ length: dims }, (_, i) => {
    let sum = 0
    for (let row = 0; row < rows; row++) sum += data[row * dims + i]!
    return sum / rows
  })
  return means.map((meanI, i) =>
    means.map((meanJ, j) => {
      let sum = 0
      for (let row = 0; row < rows; row++)
        sum += (data[row * dims + i]! - meanI) * (data[row * dims + j]! - meanJ)
      return sum / rows
    }),
  )
}

/** Eigenvalues of a symmetric matrix by Jacobi rotations. */
function eigenvalues(matrix: number[][]): number[] {
  const a = matrix.map((row) => [...row])
  const n = a.length
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) rotate(a, p, q)
    }
  }
  return a.map((row, i) => row[i]!)
}

function rotate(a: number[][], p: number, q: number): void {
  const angle = 0.5 * Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!)
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  for (const row of a) [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!]
  const [rowP, rowQ] = [a[p]!, a[q]!]
  a[p] = rowP.map((value, i) => c * value - s * rowQ[i]!)
  a[q] = rowP.map((value, i) => s * value + c * rowQ[i]!)
}
