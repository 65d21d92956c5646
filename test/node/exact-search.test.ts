import { describe, expect, it } from 'vitest'
import type { Metric } from '#src/vectors/metric.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors, searchByBruteForce, seededRandom } from './oracle.js'

const metrics: readonly Metric[] = ['l2', 'cosine', 'ip', 'l1']

/** Ids and distances, bit by bit: not "close to". */
function expectExact(
  data: Float32Array,
  dims: number,
  metric: Metric,
  queries: Float32Array,
  k: number,
  threads = 1,
) {
  using set = VectorSet.from(data, { dims, metric })
  const found = set.searchSync(queries, { k, threads })
  const expected = searchByBruteForce(data, dims, metric, queries, k)
  expect([...found.ids]).toEqual(expected.ids)
  expect([...found.distances]).toEqual(expected.distances)
}

describe.each(metrics)('%s', (metric) => {
  it.each([1, 2, 3, 7, 8, 16, 31, 33, 100, 384, 785, 1536])('finds the nearest in %d dimensions', (dims) => {
    const rows = dims > 300 ? 200 : 700
    const data = randomVectors(rows, dims, 1)
    for (const queryCount of [1, 3, 40]) {
      const queries = randomVectors(queryCount, dims, 2)
      for (const threads of [1, 3]) expectExact(data, dims, metric, queries, 10, threads)
    }
  })

  it.each([1, 2, 15, 16, 17, 163, 164, 1000])('searches %d rows', (rows) => {
    const data = randomVectors(rows, 20, 3)
    for (const k of [1, 5, rows, rows + 7]) expectExact(data, 20, metric, randomVectors(2, 20, 4), k)
  })

  it('searches many blocks of rows, whose lengths differ from block to block', () => {
    const dims = 20
    const rows = 10_000
    const data = randomVectors(rows, dims, 20).map((value, at) => value * 10 ** ((at / dims / 700) % 3))
    for (const queryCount of [1, 2]) {
      expectExact(data, dims, metric, randomVectors(queryCount, dims, 21), 25)
    }
  })

  it('splits rows and queries over threads without a change in the result', () => {
    const dims = 64
    const data = randomVectors(20_000, dims, 5)
    for (const queryCount of [1, 9, 70, 150]) {
      const queries = randomVectors(queryCount, dims, 6)
      using set = VectorSet.from(data, { dims, metric })
      const alone = set.searchSync(queries, { k: 12 })
      for (const threads of [2, 4, 1024]) {
        const together = set.searchSync(queries, { k: 12, threads })
        expect([...together.ids]).toEqual([...alone.ids])
        expect([...together.distances]).toEqual([...alone.distances])
      }
    }
  })

  it('orders ties by id', () => {
    const random = seededRandom(7)
    // Small integers: many equal distances, and whole vectors that occur many times.
    const data = Float32Array.from({ length: 3000 * 4 }, () => Math.floor(random() * 3) - 1)
    const queries = Float32Array.from([1, 0, -1, 1, 0, 0, 0, 1])
    for (const threads of [1, 2]) expectExact(data, 4, metric, queries, 50, threads)
  })

  it('finds equal vectors in the order of their ids', () => {
    const dims = 24
    const one = randomVectors(1, dims, 8)
    const data = new Float32Array(2000 * dims)
    for (let row = 0; row < 2000; row++) data.set(one, row * dims)
    expectExact(data, dims, metric, randomVectors(1, dims, 9), 30)
  })

  it('tells vectors apart that are equal in f32 arithmetic', () => {
    // The rows differ by one unit in the last place of one element: far below the error of an f32 sum.
    const dims = 1000
    const base = randomVectors(1, dims, 10)
    const rows = 400
    const data = new Float32Array(rows * dims)
    const random = seededRandom(11)
    for (let row = 0; row < rows; row++) {
      data.set(base, row * dims)
      const at = row * dims + Math.floor(random() * dims)
      data[at] = data[at]! * (1 + (random() < 0.5 ? 1 : -1) * 2 ** -23)
    }
    // Whether rounding hurts depends on the query: enough of them that it would.
    const queries = randomVectors(40, dims, 12)
    expectExact(data, dims, metric, queries, 25)
    for (let q = 0; q < 40; q++) {
      expectExact(data, dims, metric, queries.subarray(q * dims, (q + 1) * dims), 25)
    }
  })

  it('is exact for rows sorted from far to near', () => {
    const dims = 8
    const data = new Float32Array(5000 * dims)
    for (let i = 0; i < data.length; i++) data[i] = 5000 - Math.floor(i / dims) + (i % dims) / 10
    expectExact(data, dims, metric, randomVectors(1, dims, 13), 10)
  })

  it('puts zero vectors, NaN and infinity where float64 puts them', () => {
    const dims = 12
    const data = randomVectors(300, dims, 14)
    data.fill(0, 20 * dims, 40 * dims)
    data[50 * dims] = Number.NaN
    data[60 * dims + 3] = Number.POSITIVE_INFINITY
    data[61 * dims + 3] = Number.NEGATIVE_INFINITY
    expectExact(data, dims, metric, randomVectors(2, dims, 15), 300)
    expectExact(data, dims, metric, new Float32Array(dims), 300)
    expectExact(data, dims, metric, new Float32Array(dims).fill(Number.NaN), 300)
  })

  it.each([1e-44, 1e-30, 1e-20, 1e20, 1e30, 3e38])('is exact for values around %d', (scale) => {
    // Their products overflow or vanish in f32, not in float64.
    const dims = 40
    const data = randomVectors(500, dims, 16).map((x) => x * scale)
    const queries = randomVectors(2, dims, 17)
    expectExact(data, dims, metric, queries, 10)
    expectExact(
      data,
      dims,
      metric,
      queries.map((x) => x * scale),
      10,
    )
  })

  it('is exact when one row is much longer than the others', () => {
    const dims = 50
    const data = randomVectors(4000, dims, 18)
    for (let i = 0; i < dims; i++) data[1234 * dims + i] = data[1234 * dims + i]! * 1e6
    expectExact(data, dims, metric, randomVectors(2, dims, 19), 10)
  })
})
