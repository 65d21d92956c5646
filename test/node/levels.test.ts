import { describe, expect, it } from 'vitest'
import { capabilities } from '#src/vectors/capabilities.js'
import { type Metric, metrics } from '#src/vectors/metric.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { runChild } from './child.js'
import { randomVectors, searchByBruteForce, seededRandom } from './oracle.js'

interface Case {
  readonly data: Float32Array
  readonly dims: number
  readonly metric: Metric
  readonly queries: Float32Array
  readonly k: number
  readonly threads?: number
}

function expectExact(one: Case) {
  using set = VectorSet.from(one.data, { ...one, codes: 'levels' })
  return expectFound(set, one)
}

/** Ids and distances, bit by bit, of a search by codes, and how much it looked at. */
function expectFound(set: VectorSet, { data, dims, metric, queries, k, threads = 1 }: Case) {
  const found = set.searchSync(queries, { k, threads })
  const expected = searchByBruteForce(data, dims, metric, queries, k)
  expect([...found.ids]).toEqual(expected.ids)
  expect([...found.distances]).toEqual(expected.distances)
  return found.stats
}

/** Vectors as models make them: most of what tells them apart lies in few directions. */
function embeddings(rows: number, dims: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed)
  const directions = randomVectors(12, dims, 99)
  const data = new Float32Array(rows * dims)
  for (let row = 0; row < rows; row++) {
    const weights = Array.from({ length: 12 }, (_, i) => (random() - 0.5) / (1 + i))
    for (let i = 0; i < dims; i++) {
      let value = (random() - 0.5) * 0.2
      for (const [at, weight] of weights.entries()) value += weight * directions[at * dims + i]!
      data[row * dims + i] = value
    }
  }
  return data
}

describe.each(metrics)('%s by codes', (metric) => {
  it.each([1, 2, 7, 8, 33, 100, 129, 300, 785])('finds the nearest in %d dimensions', (dims) => {
    const data = embeddings(700, dims, 1)
    using set = VectorSet.from(data, { dims, metric, codes: 'levels' })
    for (const queryCount of [1, 3, 40]) {
      const queries = embeddings(queryCount, dims, 2)
      for (const threads of [1, 3]) {
        expect(expectFound(set, { data, dims, metric, queries, k: 10, threads })).toMatchObject({
          scanned: 0,
          level1: 700 * queryCount,
        })
      }
    }
  })

  it('finds what a scan finds in 40,000 rows, and reads a part of them', async () => {
    const dims = 200
    const data = embeddings(40_000, dims, 3)
    const queries = embeddings(30, dims, 4)
    using plain = VectorSet.from(data, { dims, metric })
    using coded = VectorSet.from(data, { dims, metric, codes: 'levels' })
    const expected = plain.searchSync(queries, { k: 10 })
    expect(expected.stats).toMatchObject({ scanned: 30 * 40_000, level1: 0 })
    for (const threads of [1, 2, 7]) {
      const found = await coded.search(queries, { k: 10, threads })
      expect(found.ids).toEqual(expected.ids)
      expect(found.distances).toEqual(expected.distances)
      expect(found.stats).toMatchObject({ scanned: 0, level1: 30 * 40_000 })
      expect(found.stats.exact).toBeLessThan(30 * 40_000 * 0.5)
    }
    for (let q = 0; q < 5; q++) {
      const found = coded.searchSync(queries.subarray(q * dims, (q + 1) * dims), { k: 10, threads: 2 })
      expect(found.ids).toEqual(expected.ids.slice(q * 10, (q + 1) * 10))
      if (metric === 'l2') expect(found.stats.bytes).toBeLessThan(0.25 * data.byteLength)
    }
  })

  it('orders ties by id', () => {
    const random = seededRandom(7)
    const data = Float32Array.from({ length: 3000 * 4 }, () => Math.floor(random() * 3) - 1)
    const queries = Float32Array.from([1, 0, -1, 1, 0, 0, 0, 1])
    for (const threads of [1, 2]) expectExact({ data, dims: 4, metric, queries, k: 50, threads })
    const one = new Float32Array(2000 * 24).map((_, i) => (i % 24) / 7)
    expectExact({ data: one, dims: 24, metric, queries: randomVectors(1, 24, 9), k: 30 })
  })

  it('puts zero vectors, and queries that are not finite, where float64 puts them', () => {
    const dims = 12
    const data = randomVectors(600, dims, 14)
    data.fill(0, 20 * dims, 200 * dims)
    using set = VectorSet.from(data, { dims, metric, codes: 'levels' })
    for (const queries of [
      randomVectors(2, dims, 15),
      new Float32Array(dims),
      new Float32Array(dims).fill(Number.NaN),
      new Float32Array(dims).fill(Number.POSITIVE_INFINITY),
    ]) {
      for (const k of [5, 37, 300, 600]) expectFound(set, { data, dims, metric, queries, k })
    }
  })

  it.each([1e-44, 1e-30, 1e-20, 1e20, 1e30, 3e38])('is exact for values around %d', (scale) => {
    const dims = 40
    const data = randomVectors(600, dims, 16).map((x) => x * scale)
    const queries = randomVectors(2, dims, 17)
    using set = VectorSet.from(data, { dims, metric, codes: 'levels' })
    expectFound(set, { data, dims, metric, queries, k: 10 })
    expectFound(set, { data, dims, metric, queries: queries.map((x) => x * scale), k: 10 })
  })

  it('is exact for data far from the origin', () => {
    const dims = 30
    const data = randomVectors(2000, dims, 18).map((x) => x + 1e4)
    expectExact({ data, dims, metric, queries: data.slice(0, 3 * dims), k: 10 })
  })

  it('finds the same with every instruction set', async () => {
    const scalar = (await runChild('search', { SIMDGRES_ISA: 'scalar' }, [metric])) as { ids: number[] }
    for (const isa of capabilities().available) {
      expect(await runChild('search', { SIMDGRES_ISA: isa }, [metric, 'levels'])).toEqual({ ...scalar, isa })
    }
  })
})

describe('a set with codes', () => {
  const dims = 256
  const data = embeddings(8000, dims, 20)
  const options = { dims, metric: 'l2', codes: 'levels' } as const

  it('holds little more memory than its vectors', () => {
    using plain = VectorSet.from(data, { dims, metric: 'l2' })
    using coded = VectorSet.from(data, options)
    expect(plain.bytes).toBe(data.byteLength)
    expect(coded.bytes / data.byteLength).toBeGreaterThan(1.02)
    expect(coded.bytes / data.byteLength).toBeLessThan(1.45)
  })

  it('is searched by many at once, and stops for those who abort', async () => {
    using set = VectorSet.from(data, options)
    const abort = new AbortController()
    const aborted = Array.from({ length: 20 }, () =>
      set.search(data, { k: 10, threads: 2, signal: abort.signal }),
    )
    const settled = Promise.allSettled(aborted)
    const found = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        set.search(data.subarray(i * dims, (i + 1) * dims), { k: 1, threads: 1 + (i % 3) }),
      ),
    )
    expect(found.map(({ ids }) => ids[0])).toEqual(Array.from({ length: 50 }, (_, i) => i))
    abort.abort()
    for (const one of await settled) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ERR_ABORTED' })
    }
  })

  it('gives its memory back', () => {
    const run = (count: number) => {
      for (let i = 0; i < count; i++) {
        using set = VectorSet.from(data, { ...options, dims: 32 })
        set.searchSync(data.subarray(0, 4 * 32), { k: 3, threads: 2 })
      }
    }
    run(2)
    const before = process.memoryUsage.rss()
    // 8 MiB of vectors each.
    run(12)
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20)
  })

  it('scans where codes are of no use: many neighbours', () => {
    using set = VectorSet.from(data, options)
    const query = data.subarray(0, dims)
    expect(set.searchSync(query, { k: 1000 }).stats).toMatchObject({ scanned: 0, level1: 8000 })
    expect(set.searchSync(query, { k: 1001 }).stats).toMatchObject({ scanned: 8000, level1: 0 })
  })

  it('scans sets that are too small for codes, and makes none', async () => {
    for (const [rows, isCoded] of [
      [1, false],
      [511, false],
      [512, true],
    ] as const) {
      const few = data.slice(0, rows * dims)
      using set = VectorSet.from(few, options)
      using built = await VectorSet.build(few, options)
      using plain = VectorSet.from(few, { dims, metric: 'l2' })
      for (const one of [set, built]) {
        expect(one.bytes > plain.bytes).toBe(isCoded)
        expect(one.searchSync(few.subarray(0, dims), { k: 1 }).stats).toMatchObject(
          isCoded ? { scanned: 0, level1: rows } : { scanned: rows, level1: 0 },
        )
      }
    }
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d, and names the row', (value) => {
    const broken = data.slice()
    broken[5 * dims + 3] = value
    expect(() => VectorSet.from(broken, options)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: 'Expected finite values for codes but row 5 holds NaN or infinity',
        hint: expect.stringMatching(/without codes/),
      }),
    )
  })

  it('refuses codes it does not know, and more dims than they have', () => {
    const from = VectorSet.from as (...args: unknown[]) => unknown
    expect(() => from(data, { ...options, codes: 'pq' })).toThrow('one of levels for codes but received "pq"')
    expect(() => VectorSet.from(new Float32Array(65_536), { ...options, dims: 65_536 })).toThrow(
      'at most 65535 with codes for dims',
    )
  })
})
