import { describe, expect, it } from 'vitest'
import { metrics } from '#src/vectors/metric.js'
import { type SyncSearchOptions, VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors, searchByBruteForce, seededRandom, unevenVectors } from './oracle.js'

const dims = 24
const rows = 1003
const data = unevenVectors(rows, dims)
const queries = new Float32Array([...data.subarray(100 * dims, 102 * dims), ...randomVectors(10, dims, 2)])

/** By name: which rows pass. */
const random = seededRandom(3)
const filters: Readonly<Record<string, (row: number) => boolean>> = {
  none: () => false,
  one: (row) => row === 1002,
  'a few': (row) => row % 97 === 5,
  'one in ten': () => random() < 0.1,
  half: () => random() < 0.5,
  'nearly all': () => random() < 0.98,
  all: () => true,
  'a stretch': (row) => row >= 290 && row < 555,
}

function bitmapOf(ids: readonly number[], bits = rows): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(bits / 8))
  for (const id of ids) bitmap[id >> 3]! |= 1 << (id & 7)
  return bitmap
}

describe.each(metrics)('%s among the rows that pass', (metric) => {
  it.each(Object.entries(filters))('%s', async (_, passes) => {
    const ids = Array.from({ length: rows }, (_, row) => row).filter(passes)
    const passing = new Set(ids)
    const shuffled = Uint32Array.from([...ids].reverse().concat(ids.slice(0, 5)))
    for (const scale of [1, 1e-18, 1e18]) {
      const scaled = data.map((x) => x * scale)
      const asked = queries.map((x) => x * scale)
      const all = searchByBruteForce(scaled, dims, metric, asked, rows)
      using plain = VectorSet.from(scaled, { dims, metric })
      using coded = VectorSet.from(scaled, { dims, metric, codes: 'levels' })
      for (const [count, k, threads] of [
        [1, 10, 1],
        [1, 1000, 2],
        [12, 7, 3],
      ] as const) {
        const expected = { ids: [] as number[], distances: [] as number[] }
        for (let q = 0; q < count; q++) {
          const near = Array.from({ length: rows }, (_, i) => q * rows + i)
            .filter((i) => passing.has(all.ids[i]!))
            .slice(0, k)
          expected.ids.push(...near.map((i) => all.ids[i]!))
          expected.distances.push(...near.map((i) => all.distances[i]!))
        }
        const some = asked.subarray(0, count * dims)
        for (const set of [plain, coded]) {
          for (const filter of [bitmapOf(ids), shuffled]) {
            const found = set.searchSync(some, { k, threads, filter })
            expect([...found.ids]).toEqual(expected.ids)
            expect([...found.distances]).toEqual(expected.distances)
            expect(found.stats.scanned + found.stats.level1).toBe(ids.length * count)
            expect(found.stats.exact).toBeLessThanOrEqual(ids.length * count)
            if (count === 1 && scale === 1)
              expect(await set.search(some, { k, threads, filter })).toEqual(found)
          }
        }
      }
    }
  })
})

describe('what a filter saves', () => {
  const many = 20_000
  const large = randomVectors(many, dims, 4)
  const stretch = bitmapOf(
    Array.from({ length: 640 }, (_, i) => 6400 + i),
    many,
  )
  it.each(['levels', undefined] as const)('codes %s: rows that do not pass are not read', (codes) => {
    using set = VectorSet.from(large, codes ? { dims, metric: 'l2', codes } : { dims, metric: 'l2' })
    const all = set.searchSync(queries.subarray(0, dims), { k: 5 }).stats
    const part = set.searchSync(queries.subarray(0, dims), { k: 5, filter: stretch }).stats
    expect(part.scanned + part.level1).toBe(640)
    expect(part.level2).toBeLessThanOrEqual(640)
    expect(part.bytes).toBeLessThan(all.bytes / 5)
  })
})

describe('a filter', () => {
  const query = queries.subarray(0, dims)
  const search = (filter: unknown, set: VectorSet) =>
    set.searchSync(query, { k: 2, filter } as unknown as SyncSearchOptions)

  it.each<[unknown, string]>([
    [new Uint8Array(125), 'Expected 126 bytes for filter but received 125 of them'],
    [new Uint8Array(127), 'Expected 126 bytes for filter but received 127 of them'],
    [new Uint8Array(0), 'an empty Uint8Array'],
    [Uint32Array.of(1, 1003), 'Expected ids below 1003 for filter but number 1 is 1003'],
    [Uint32Array.of(0xffff_ffff), 'Expected ids below 1003 for filter but number 0 is 4294967295'],
    [[1, 2], 'a Uint8Array of bits or a Uint32Array of ids for filter but received an instance of Array'],
    [new Uint16Array(126), 'received an instance of Uint16Array'],
    [null, 'received null'],
  ])('is refused when it is wrong: %o', (filter, message) => {
    using own = VectorSet.from(data, { dims, metric: 'l2' })
    expect(() => search(filter, own)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    )
  })

  it('ignores bits that no row has, and takes shared memory and what changes after the call', async () => {
    using own = VectorSet.from(data, { dims, metric: 'l2' })
    const bits = new Uint8Array(new SharedArrayBuffer(126))
    bits[125] = 0xff
    const { ids } = search(bits, own)
    expect([ids.length, ids.every((id) => id >= 1000 && id < 1003)]).toEqual([2, true])
    const running = own.search(query, { k: 5, filter: bits })
    bits.fill(0)
    expect([...(await running).ids].sort()).toEqual([1000, 1001, 1002])
    expect(search(new Uint32Array(0), own).ids).toHaveLength(0)
  })
})
