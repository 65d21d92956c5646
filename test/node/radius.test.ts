import { describe, expect, it } from 'vitest'
import { addon } from '#src/vectors/addon.js'
import { capabilities } from '#src/vectors/capabilities.js'
import { metrics } from '#src/vectors/metric.js'
import { type SyncRadiusSearchOptions, VectorSet } from '#src/vectors/vector-set.js'
import { runChild } from './child.js'
import { randomVectors, searchByBruteForce, seededRandom, unevenVectors } from './oracle.js'

const dims = 24
const rows = 1003
const data = unevenVectors(rows, dims)
const queries = new Float32Array([...data.subarray(100 * dims, 102 * dims), ...randomVectors(10, dims, 2)])
queries.fill(0, 11 * dims)

interface Expected {
  readonly ids: number[]
  readonly distances: number[]
  readonly offsets: number[]
}

/** What a loop over all rows finds: `all` is sorted, rows per query. */
function within(
  all: { ids: number[]; distances: number[] },
  count: number,
  radius: number,
  limit = rows,
  passes: (id: number) => boolean = () => true,
): Expected {
  const found: Expected = { ids: [], distances: [], offsets: [0] }
  for (let q = 0; q < count; q++) {
    const near = Array.from({ length: rows }, (_, i) => q * rows + i)
      .filter((i) => passes(all.ids[i]!) && all.distances[i]! <= radius)
      .slice(0, limit)
    found.ids.push(...near.map((i) => all.ids[i]!))
    found.distances.push(...near.map((i) => all.distances[i]!))
    found.offsets.push(found.ids.length)
  }
  return found
}

const plainOf = ({ ids, distances, offsets }: ReturnType<VectorSet['searchRadiusSync']>): Expected => ({
  ids: [...ids],
  distances: [...distances],
  offsets: [...offsets],
})

describe.each(metrics)('%s within a radius', (metric) => {
  it.each([1, 1e-18, 1e18, 1e-42])('finds what a loop finds, of values around %d', async (scale) => {
    const scaled = data.map((x) => x * scale)
    const asked = queries.map((x) => x * scale)
    const all = searchByBruteForce(scaled, dims, metric, asked, rows)
    using plain = VectorSet.from(scaled, { dims, metric })
    using coded = VectorSet.from(scaled, { dims, metric, codes: 'levels' })
    const random = seededRandom(5)
    const passing = new Set(Array.from({ length: rows }, (_, id) => id).filter(() => random() < 0.3))
    const filter = Uint32Array.from(passing)
    // Distances that rows have: they are within; and one just below.
    const ranks = [2 * rows, 2 * rows + 3, 2 * rows + 90, 3 * rows + 600, rows - 1]
    const radii = ranks.map((at) => all.distances[at]!).filter((radius) => Number.isFinite(radius))
    for (const radius of [...radii, ...radii.map((r) => r - Math.abs(r) * 2 ** -52)]) {
      if (metric !== 'ip' && radius < 0) continue
      for (const set of [plain, coded]) {
        for (const [count, threads, limit] of [
          [1, 2, undefined],
          [12, 1, undefined],
          [12, 3, 5],
        ] as const) {
          const some = asked.subarray(0, count * dims)
          const found = set.searchRadiusSync(some, { radius, threads, limit })
          expect(plainOf(found)).toEqual(within(all, count, radius, limit))
          expect(found.stats.scanned > 0).toBe(set === plain)
          const few = await set.searchRadius(some, { radius, threads, limit, filter })
          expect(plainOf(few)).toEqual(within(all, count, radius, limit, (id) => passing.has(id)))
          expect(few.stats.scanned + few.stats.level1).toBe(passing.size * count)
        }
      }
    }
  })

  it('reads few of many rows by codes, in parts, and finds what a scan finds', () => {
    const many = 300_000
    // Most of the variance in few directions, so that codes tell rows apart.
    const large = randomVectors(many, 16, 6).map((x, i) => x / (1 + (i % 16)))
    using plain = VectorSet.from(large, { dims: 16, metric })
    using coded = VectorSet.from(large, { dims: 16, metric, codes: 'levels' })
    const asked = large.slice(0, 3 * 16)
    const radius = plain.searchSync(asked.subarray(0, 16), { k: 500 }).distances[499]!
    for (const threads of [1, 2]) {
      const expected = plain.searchRadiusSync(asked, { radius, threads })
      const found = coded.searchRadiusSync(asked, { radius, threads })
      expect(expected.offsets[1]).toBeGreaterThanOrEqual(500)
      expect(plainOf(found)).toEqual(plainOf(expected))
      expect(found.stats).toMatchObject({ scanned: 0, level1: 3 * many })
      expect(found.stats.exact).toBeLessThan(3 * many * 0.2)
      expect(found.stats.exact).toBeGreaterThanOrEqual(found.ids.length)
    }
  })

  it('finds the same with every instruction set', async () => {
    const run = (isa: string, ...codes: string[]) =>
      runChild('radius', { SIMDGRES_ISA: isa }, [metric, ...codes])
    const scalar = (await run('scalar')) as { ids: number[] }
    expect(scalar.ids.length).toBeGreaterThan(100)
    for (const isa of capabilities().available) {
      expect(await run(isa, 'levels')).toEqual({ ...scalar, isa })
    }
  })
})

describe('a search within a radius', () => {
  const query = queries.subarray(2 * dims, 3 * dims)

  it('finds nothing where nothing is, and where no row passes', async () => {
    using set = VectorSet.from(data, { dims, metric: 'l2' })
    const nothing = { ids: [], distances: [], offsets: [0, 0] }
    expect(plainOf(set.searchRadiusSync(query, { radius: 1e-9 }))).toEqual(nothing)
    expect(plainOf(await set.searchRadius(query, { radius: 1e9, filter: new Uint32Array(0) }))).toEqual(
      nothing,
    )
  })

  it('leaves out rows and queries without a distance', () => {
    const holed = data.slice()
    holed.fill(Number.NaN, 0, 10 * dims)
    using set = VectorSet.from(holed, { dims, metric: 'l2' })
    using coded = VectorSet.from(data, { dims, metric: 'l2', codes: 'levels' })
    expect(set.searchRadiusSync(query, { radius: 1e300 }).ids).toHaveLength(rows - 10)
    const broken = query.slice().fill(Number.NaN, 0, 1)
    for (const one of [set, coded])
      expect(one.searchRadiusSync(broken, { radius: 1e300 }).ids).toHaveLength(0)
  })

  it.each<[string, unknown, string]>([
    ['no radius', {}, 'a finite number, at least 0 for radius but received undefined'],
    ['no options', undefined, 'for radius but received undefined'],
    ['NaN', { radius: Number.NaN }, 'for radius'],
    ['infinity', { radius: Number.POSITIVE_INFINITY }, 'for radius'],
    ['text', { radius: '1' }, 'for radius'],
    ['a negative distance', { radius: -1 }, 'at least 0 for radius'],
    ['a limit of 0', { radius: 1, limit: 0 }, 'for limit'],
    ['half a limit', { radius: 1, limit: 1.5 }, 'for limit'],
    ['a wrong filter', { radius: 1, filter: [1] }, 'for filter'],
  ])('refuses %s', async (_, options, message) => {
    using set = VectorSet.from(data, { dims, metric: 'l2' })
    const expected = expect.objectContaining({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    })
    expect(() => set.searchRadiusSync(query, options as SyncRadiusSearchOptions)).toThrow(expected)
    await expect(set.searchRadius(query, options as SyncRadiusSearchOptions)).rejects.toEqual(expected)
  })

  it.each(['levels', undefined] as const)('codes %s: says when too many rows are within', async (codes) => {
    // 4,200 x 4,200 is more than 2^24.
    const line = randomVectors(4200, 1, 8)
    using set = VectorSet.from(line, codes ? { dims: 1, metric: 'l1', codes } : { dims: 1, metric: 'l1' })
    const expected = expect.objectContaining({
      code: 'ERR_RESOURCE',
      message: expect.stringContaining('16777216 rows'),
      hint: expect.stringContaining('smaller radius'),
    })
    if (codes) await expect(set.searchRadius(line, { radius: 9, threads: 2 })).rejects.toEqual(expected)
    else expect(() => set.searchRadiusSync(line, { radius: 9 })).toThrow(expected)
    expect(set.searchRadiusSync(line, { radius: 9, limit: 3 }).ids).toHaveLength(3 * 4200)
  })

  it('stops for those who abort, and closed sets find nothing', async () => {
    const set = VectorSet.from(data, { dims, metric: 'l2', codes: 'levels' })
    const abort = new AbortController()
    const running = set.searchRadius(data, { radius: 1e9, signal: abort.signal })
    abort.abort()
    await expect(running).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    const last = set.searchRadius(query, { radius: 1e9 })
    set.close()
    expect((await last).ids).toHaveLength(rows)
    expect(() => set.searchRadiusSync(query, { radius: 1 })).toThrow('it has been closed')
  })
})

it('the border takes a finite radius, and arrays that fit', () => {
  const native = addon()
  const set = native.createSet(data, dims, 0, 0)
  const search = native.searchSync as (...args: unknown[]) => ReturnType<typeof native.searchSync>
  for (const radius of [Number.NaN, Number.POSITIVE_INFINITY, '1', null, {}, 1n]) {
    expect(() => search(set, queries, 1, 1, undefined, radius)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  }
  expect(search(set, queries, rows, 1, undefined, -1).count).toBe(0)
  const result = search(set, queries, rows, 1, undefined, 1e9)
  const ids = new Uint32Array(result.count)
  const distances = new Float64Array(result.count)
  for (const offsets of [undefined, new Uint32Array(12), new Uint32Array(14), new Float32Array(13)]) {
    expect(() => native.takeResult(result, ids, distances, offsets as Uint32Array)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  }
  native.takeResult(result, ids, distances, new Uint32Array(13))
})
