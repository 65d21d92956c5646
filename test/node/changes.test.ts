import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Metric, metrics } from '#src/vectors/metric.js'
import { type SearchResult, VectorSet } from '#src/vectors/vector-set.js'
import { distanceOf, randomVectors, seededRandom } from './oracle.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-changes-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a set should be: every row that is there, by its id. */
type Model = Map<number, Float32Array>

interface Near {
  readonly id: number
  readonly distance: number
}

function nearestIn(model: Model, metric: Metric, query: Float32Array): Near[] {
  const all = [...model].map(([id, row]) => ({ id, distance: distanceOf(metric, query, row) }))
  const rank = ({ distance }: Near) => (Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance)
  return all.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)]
    return x < y ? -1 : x > y ? 1 : a.id - b.id
  })
}

function expectNear(found: SearchResult, expected: readonly (readonly Near[])[]) {
  expect([...found.ids]).toEqual(expected.flatMap((near) => near.map(({ id }) => id)))
  expect([...found.distances]).toEqual(expected.flatMap((near) => near.map(({ distance }) => distance)))
}

const dims = 20
const random = seededRandom(4)
const below = (count: number) => Math.floor(random() * count)

/** Every other one of few values, so that many rows are alike. */
const vectors = (rows: number): Float32Array<ArrayBuffer> => {
  const made = new Float32Array(rows * dims)
  for (let row = 0; row < rows; row++) {
    const isCoarse = random() < 0.5
    for (let i = 0; i < dims; i++)
      made[row * dims + i] = isCoarse && i > 2 ? 0 : isCoarse ? below(2) : random() - 0.5
  }
  return made
}
const rowOf = (data: Float32Array, row: number) => data.slice(row * dims, (row + 1) * dims)

interface Case {
  readonly metric: Metric
  readonly codes?: 'levels'
  readonly base: number
}
const cases = metrics.flatMap((metric): Case[] => [
  { metric, base: 3 },
  { metric, base: 600 },
  { metric, base: 613, codes: 'levels' },
])

describe.each(cases)('a set of $base rows that changes ($metric, codes: $codes)', ({ base, ...shape }) => {
  const { metric } = shape

  function make(): { set: VectorSet; model: Model } {
    const data = vectors(base)
    const set = VectorSet.from(data, { dims, ...shape })
    return { set, model: new Map(Array.from({ length: base }, (_, id) => [id, rowOf(data, id)])) }
  }

  function change(set: VectorSet, model: Model) {
    const ids = [...model.keys()]
    switch (below(4)) {
      case 0:
      case 1: {
        const rows = vectors(1 + below(random() < 0.2 ? 400 : 40))
        const added = set.add(rows)
        for (const [row, id] of added.entries()) {
          expect(model.has(id)).toBe(false)
          model.set(id, rowOf(rows, row))
        }
        break
      }
      case 2: {
        const gone = Uint32Array.from({ length: below(20) }, () => below(set.rows))
        const there = new Set([...gone].filter((id) => model.has(id)))
        expect(set.remove(random() < 0.5 ? gone : [...gone])).toBe(there.size)
        for (const id of there) model.delete(id)
        break
      }
      default:
        for (let i = below(30); i > 0 && ids.length > 0; i--) {
          const id = ids[below(ids.length)]!
          const vector = vectors(1)
          set.set(id, vector)
          model.set(id, vector)
        }
    }
    expect(set.size).toBe(model.size)
  }

  /** Starts searches, and returns what they should find, as the model is now. */
  function search(set: VectorSet, model: Model) {
    const queries = vectors(1 + below(3))
    const all = Array.from({ length: queries.length / dims }, (_, q) =>
      nearestIn(model, metric, rowOf(queries, q)),
    )
    const k = [1, 7, 60, 5000][below(4)]!
    const threads = 1 + below(3)
    const passing = new Set(Array.from({ length: set.rows }, (_, id) => id).filter(() => random() < 0.5))
    const filter = Uint32Array.from(passing)
    const filtered = all.map((near) => near.filter(({ id }) => passing.has(id)))
    const checks = [
      set.search(queries, { k, threads }).then((found) =>
        expectNear(
          found,
          all.map((n) => n.slice(0, k)),
        ),
      ),
      set.search(queries, { k, threads, filter }).then((found) =>
        expectNear(
          found,
          filtered.map((n) => n.slice(0, k)),
        ),
      ),
    ]
    const radius = all[0]?.[below(Math.min(200, model.size))]?.distance
    if (radius !== undefined && Number.isFinite(radius) && (metric === 'ip' || radius >= 0)) {
      const within = filtered.map((near) => near.filter(({ distance }) => distance <= radius))
      checks.push(
        set.searchRadius(queries, { radius, threads, filter }).then((found) => expectNear(found, within)),
      )
    }
    return Promise.all(checks)
  }

  it('is searched as a loop over its rows would, also while it changes', async () => {
    const { set, model } = make()
    let running: Promise<unknown>[] = []
    for (let step = 0; step < 120; step++) {
      change(set, model)
      if (step % 3 === 0) running.push(search(set, model))
      if (step % 30 === 29) {
        await Promise.all(running)
        running = []
      }
    }
    set.close()
  })

  it('is the same after it has been saved and opened, and goes on', async () => {
    const { set, model } = make()
    const path = join(folder, `${metric}-${shape.codes}-${base}`)
    for (let round = 0; round < 3; round++) {
      for (let step = 0; step < 8; step++) change(set, model)
      const saving = set.save(path)
      const saved = new Map(model)
      const { rows, size } = set
      change(set, model)
      await saving
      using opened = await VectorSet.open(path, { verify: true })
      expect(opened).toMatchObject({ rows, size })
      await search(opened, saved)
      for (let step = 0; step < 8; step++) change(opened, saved)
      await search(opened, saved)
      await VectorSet.verify(path)
    }
    set.close()
  })

  it('is the same while the room of later rows that are gone comes back', async () => {
    const { set, model } = make()
    const later: number[] = []
    for (const count of [3000, 12_000]) {
      const rows = vectors(count)
      for (const [row, id] of set.add(rows).entries()) {
        model.set(id, rowOf(rows, row))
        later.push(id)
      }
    }
    const full = set.bytes
    const running = [search(set, model)]
    const gone = later.filter(() => random() < 0.6)
    expect(set.remove(gone)).toBe(gone.length)
    for (const id of gone) model.delete(id)
    // Rows of the segment that is being emptied change, too, those that have been moved and those that have not.
    for (let step = 0; step < 12; step++) {
      running.push(search(set, model))
      const left = [...model.keys()]
      const id = left[below(left.length)]!
      const other = left[below(left.length)]!
      const vector = vectors(1)
      set.set(id, vector)
      model.set(id, vector)
      expect(set.remove([other])).toBe(1)
      model.delete(other)
      change(set, model)
    }
    expect(set.bytes).toBeLessThan(full)
    const { rows, size } = set
    const path = join(folder, `compact-${metric}-${shape.codes}-${base}`)
    const saving = set.save(path)
    const saved = new Map(model)
    expect(set.remove([...model.keys()])).toBe(size)
    await saving
    await Promise.all(running)
    expect(set.searchSync(vectors(1), { k: 1 }).ids).toHaveLength(0)
    using opened = await VectorSet.open(path, { verify: true })
    expect(opened).toMatchObject({ rows, size })
    await search(opened, saved)
    expect(opened.add(vectors(1))[0]).toBe(rows)
    set.close()
  })
})

describe('changes', () => {
  const coded = () => VectorSet.from(randomVectors(1000, dims, 1), { dims, metric: 'l2', codes: 'levels' })

  it('give ids in order, and never one twice', () => {
    using set = coded()
    expect([...set.add(randomVectors(2, dims, 2))]).toEqual([1000, 1001])
    expect(set.remove([1001, 1001, 3])).toBe(2)
    expect(set.remove(new Uint32Array([1001]))).toBe(0)
    expect(set.remove([])).toBe(0)
    expect([...set.add(randomVectors(1, dims, 3))]).toEqual([1002])
    expect(set).toMatchObject({ rows: 1003, size: 1001 })
  })

  it('never give an id twice after a save either, however many of the last rows are gone', async () => {
    for (const shape of [{}, { codes: 'levels' }] as const) {
      using set = VectorSet.from(randomVectors(10, dims, 1), { dims, metric: 'l2', ...shape })
      const added = set.add(randomVectors(2000, dims, 2))
      expect(set.remove(added)).toBe(2000)
      const path = join(folder, `gone-${Object.keys(shape)}`)
      await set.save(path)
      using opened = await VectorSet.open(path, { verify: true })
      expect(opened).toMatchObject({ rows: 2010, size: 10 })
      expect([...opened.searchSync(randomVectors(1, dims, 3), { k: 20 }).ids].toSorted()).toEqual(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].toSorted(),
      )
      expect([...opened.add(randomVectors(1, dims, 3))]).toEqual([2010])
    }
  })

  it('may remove all rows', async () => {
    using set = coded()
    set.remove(Uint32Array.from({ length: 1000 }, (_, id) => id))
    const query = randomVectors(1, dims, 2)
    expect((await set.search(query, { k: 3 })).ids).toHaveLength(0)
    expect(set.searchRadiusSync(query, { radius: 1e9 }).offsets).toEqual(new Uint32Array(2))
    expect([...set.add(query)]).toEqual([1000])
    expect([...set.searchSync(query, { k: 3 }).ids]).toEqual([1000])
  })

  it('read few bytes of rows that came later, too', () => {
    using set = coded()
    const more = randomVectors(20_000, dims, 5)
    const ids = set.add(more)
    const { ids: found, stats } = set.searchSync(rowOf(more, 9000), { k: 5 })
    expect(found[0]).toBe(ids[9000])
    expect(stats.scanned).toBeLessThan(100)
    expect(stats.level1).toBeGreaterThan(20_900)
  })

  it('of the same rows again and again take no more memory', () => {
    using set = coded()
    set.set(1, randomVectors(1, dims, 6))
    for (let i = 0; i < 5000; i++) set.set(i % 50, randomVectors(1, dims, i))
    const before = set.bytes
    for (let i = 0; i < 20_000; i++) set.set(i % 50, randomVectors(1, dims, i))
    expect(set.bytes).toBeLessThan(before + 400_000)
    expect(set.searchSync(randomVectors(1, dims, 19_949), { k: 1 }).distances[0]).not.toBe(0)
    expect(set.searchSync(randomVectors(1, dims, 19_999), { k: 1 })).toMatchObject({
      ids: new Uint32Array([49]),
      distances: new Float64Array([0]),
    })
  })

  it('give the room of many rows back a little at a time', () => {
    const wide = 256
    const options = { dims: wide, metric: 'l2', codes: 'levels' } as const
    using set = VectorSet.from(randomVectors(600, wide, 1), options)
    const timed = <T>(change: () => T) => {
      const before = process.cpuUsage()
      const result = change()
      const { user, system } = process.cpuUsage(before)
      return { result, time: user + system }
    }
    const rows = randomVectors(20_000, wide, 2)
    const { result: ids, time: adding } = timed(() => set.add(rows))
    const full = set.bytes
    const { time: removing } = timed(() => set.remove(ids.filter((id) => id % 9 > 3)))
    expect(removing).toBeLessThan(adding / 5)
    const times = Array.from({ length: 100 }, (_, i) => {
      const row = rows.subarray(i * wide, (i + 1) * wide)
      return timed(() => set.set(i, row)).time
    })
    expect(set.bytes).toBeLessThan(full * 0.7)
    expect(Math.max(...times)).toBeLessThan(adding / 5)
    expect(times.reduce((sum, time) => sum + time)).toBeLessThan(adding * 2)
  })

  it('of a set that was too small for codes are coded when it is saved', async () => {
    using set = VectorSet.from(randomVectors(100, dims, 1), { dims, metric: 'l2', codes: 'levels' })
    await set.save(join(folder, 'small'))
    using opened = await VectorSet.open(join(folder, 'small'))
    const more = randomVectors(3000, dims, 2)
    const query = rowOf(more, 5)
    for (const one of [set, opened]) {
      expect(() => one.add(new Float32Array(dims).fill(Number.NaN))).toThrow('for codes')
      one.add(more)
      expect(one.searchSync(query, { k: 5 }).stats).toMatchObject({ level1: 0, scanned: 3100 })
      await one.save(join(folder, 'grown'))
      using grown = await VectorSet.open(join(folder, 'grown'), { verify: true })
      const found = grown.searchSync(query, { k: 5 })
      expect(found.stats).toMatchObject({ level1: 3100, scanned: 0 })
      expect(found.ids).toEqual(one.searchSync(query, { k: 5 }).ids)
    }
  })

  it('that are refused change nothing', () => {
    using set = coded()
    const query = randomVectors(1, dims, 9)
    const broken = randomVectors(70, dims, 7)
    broken[69 * dims] = Number.NaN
    const refused: readonly [() => unknown, RegExp][] = [
      [() => set.add(broken), /row 69 holds NaN/],
      [() => set.add(new Float32Array(dims + 1)), /a multiple of 20 values for rows/],
      [() => set.add(new Float64Array(dims) as never), /a Float32Array for rows/],
      [() => set.remove([5, 1000]), /an integer from 0 to 999 for ids/],
      [() => set.remove(new Uint32Array([5, 1000])), /ids below 1000 for ids but number 1 is 1000/],
      [() => set.remove('5' as never), /a Uint32Array or an array of ids/],
      [() => set.set(1000, query), /an integer from 0 to 999 for id/],
      [() => set.set(0, new Float32Array(dims - 1)), /20 values for vector/],
      [() => set.set(0, broken.subarray(69 * dims)), /holds NaN/],
    ]
    const before = set.searchSync(query, { k: 1000 })
    for (const [run, message] of refused) {
      expect(run).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARGUMENT',
          message: expect.stringMatching(message),
          hint: expect.any(String),
        }),
      )
    }
    expect(set.searchSync(query, { k: 1000 })).toEqual(before)
    expect([...set.add(broken.subarray(0, 40 * dims))]).toHaveLength(40)
    expect(set.searchSync(rowOf(broken, 39), { k: 1 }).ids[0]).toBe(1039)
    set.remove([7])
    expect(() => set.set(7, query)).toThrow('7 has been removed')
    set.close()
    for (const run of [() => set.add(query), () => set.remove([1]), () => set.set(1, query)])
      expect(run).toThrow('it has been closed')
  })

  it('of an open file stay in memory', async () => {
    const path = join(folder, 'mapped')
    {
      using set = coded()
      await set.save(path)
    }
    using one = await VectorSet.open(path)
    using other = await VectorSet.open(path)
    one.remove([0])
    one.set(1, new Float32Array(dims).fill(9))
    one.add(new Float32Array(dims).fill(9))
    expect([...one.searchSync(new Float32Array(dims).fill(9), { k: 2 }).ids]).toEqual([1, 1000])
    expect(other).toMatchObject({ rows: 1000, size: 1000 })
    await VectorSet.verify(path)
  })

  it('are given back by close', () => {
    const rows = randomVectors(20_000, dims, 8)
    const run = (count: number) => {
      for (let i = 0; i < count; i++) {
        using set = VectorSet.from(rows.subarray(0, dims), { dims, metric: 'cosine' })
        for (let j = 0; j < 10; j++) set.add(rows)
        set.remove(Uint32Array.from({ length: 100_000 }, (_, id) => id))
      }
    }
    run(2)
    const before = process.memoryUsage.rss()
    run(10)
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20)
  })
})
