import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encodeHits, nameSearch, openHits, type SearchHits, sealHits } from '#src/cache/search-hits.js'

const version = randomBytes(32)
const identity = { table: 'items', metric: 'l2', k: 3, settings: {}, query: Float32Array.of(1, 2) }
const name = nameSearch(version, identity)

describe('what is written to Redis', () => {
  it.each<SearchHits>([
    { ids: Uint32Array.of(3, 0, 4294967295), distances: Float64Array.of(0, 1 / 3, Number.NaN) },
    { ids: BigInt64Array.of(-1n, 2n ** 62n), distances: Float64Array.of(-0, Number.POSITIVE_INFINITY) },
    { ids: Uint32Array.of(7, 8), distances: new Float64Array(0) },
    { ids: new Uint32Array(0), distances: new Float64Array(0) },
  ])('comes back as it was: %o', (hits) => {
    expect(openHits(version, name, sealHits(version, name, encodeHits(hits)))).toStrictEqual(hits)
  })

  it('honours where a view begins', () => {
    const whole = Uint32Array.of(9, 9, 5, 6)
    const hits = { ids: whole.subarray(2), distances: new Float64Array(0) }
    expect(openHits(version, name, sealHits(version, name, encodeHits(hits)))?.ids).toEqual(
      Uint32Array.of(5, 6),
    )
  })

  it('is refused with any bit changed, cut off anywhere, or longer', () => {
    const sealed = sealHits(
      version,
      name,
      encodeHits({ ids: Uint32Array.of(1), distances: Float64Array.of(2) }),
    )
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(openHits(version, name, changed)).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(openHits(version, name, sealed.subarray(0, length))).toBeUndefined()
    }
    expect(openHits(version, name, Buffer.concat([sealed, Buffer.of(0)]))).toBeUndefined()
  })

  it('is refused under another name or version', () => {
    const sealed = sealHits(
      version,
      name,
      encodeHits({ ids: Uint32Array.of(1), distances: Float64Array.of(2) }),
    )
    expect(openHits(version, `${name}x`, sealed)).toBeUndefined()
    expect(openHits(randomBytes(32), name, sealed)).toBeUndefined()
  })

  it('has a name of its own for everything that makes a search', () => {
    const others = [
      { ...identity, table: 'others' },
      { ...identity, metric: 'cosine' },
      { ...identity, k: 4 },
      { ...identity, settings: { ef_search: 40 } },
      { ...identity, query: Float32Array.of(1, 3) },
      { ...identity, query: Float32Array.of(1, 2, 0) },
    ]
    const names = [name, nameSearch(randomBytes(32), identity), ...others.map((o) => nameSearch(version, o))]
    expect(new Set(names).size).toBe(names.length)
    const [a, b] = [
      { x: 1, y: 2 },
      { y: 2, x: 1 },
    ].map((settings) => nameSearch(version, { ...identity, settings }))
    expect(a).toBe(b)
  })

  it('is never something else', () => {
    const wrong = [
      { ids: [1], distances: new Float64Array(0) },
      { ids: Uint32Array.of(1, 2), distances: Float64Array.of(1) },
    ] as unknown as SearchHits[]
    for (const hits of wrong) expect(() => encodeHits(hits)).toThrow(/^Expected /)
  })
})
