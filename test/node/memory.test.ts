import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors } from './oracle.js'

const dims = 10
const options = { dims, metric: 'l2' } as const

describe('where the values are', () => {
  const data = randomVectors(50, dims, 1)
  const query = data.slice(7 * dims, 8 * dims)

  it('counts rows from the start of a view', () => {
    const padded = new Float32Array(3 + data.length + 5)
    padded.set(data, 3)
    using set = VectorSet.from(padded.subarray(3, 3 + data.length), options)
    expect(set.rows).toBe(50)
    expect(set.searchSync(query, { k: 1 }).ids[0]).toBe(7)

    const queries = new Float32Array(1 + dims)
    queries.set(query, 1)
    expect(set.searchSync(queries.subarray(1), { k: 1 })).toEqual(set.searchSync(query, { k: 1 }))
  })

  it('takes vectors and queries in shared memory', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(data.byteLength + 8), 8)
    shared.set(data)
    using set = VectorSet.from(shared, options)
    const queries = new Float32Array(new SharedArrayBuffer(query.byteLength))
    queries.set(query)
    expect((await set.search(queries, { k: 1 })).ids[0]).toBe(7)
  })

  it('keeps a copy: later changes have no effect', async () => {
    const own = data.slice()
    using set = VectorSet.from(own, options)
    own.fill(0)
    expect(set.searchSync(query, { k: 1 }).distances[0]).toBe(0)

    const queries = query.slice()
    const running = set.search(queries, { k: 1 })
    queries.fill(1e9)
    expect((await running).ids[0]).toBe(7)
  })
})

describe('native memory', () => {
  const big = new Float32Array((64 << 20) / 4).fill(1)
  const shape = { dims: 64, metric: 'cosine' } as const
  const megabyte = 1 << 20

  const residentBytes = () => process.memoryUsage.rss()

  it('is freed by close', () => {
    VectorSet.from(big, shape).close()
    const before = residentBytes()
    const set = VectorSet.from(big, shape)
    expect(residentBytes() - before).toBeGreaterThan(48 * megabyte)
    set.close()
    set.close()
    expect(residentBytes() - before).toBeLessThan(16 * megabyte)
  })

  it('does not grow over many sets that are searched and closed', async () => {
    VectorSet.from(big, shape).close()
    const before = residentBytes()
    for (let i = 0; i < 40; i++) {
      using set = VectorSet.from(big, shape)
      await set.search(big.subarray(0, 64), { k: 3, threads: 2 })
    }
    expect(residentBytes() - before).toBeLessThan(128 * megabyte)
  })

  it('makes the garbage collector work in time when nobody closes', async () => {
    // V8 knows of the native memory: it collects without being told to. 60 sets are 3.8 GiB.
    const before = residentBytes()
    let largest = 0
    for (let i = 0; i < 60; i++) {
      VectorSet.from(big, shape)
      await sleep(5)
      largest = Math.max(largest, residentBytes() - before)
    }
    expect(largest).toBeLessThan(1024 * megabyte)
  })

  it.runIf(existsSync('/proc/self/maps'))(
    'takes no mapping of its own for a small set: 65,530 are all there are',
    () => {
      const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('\n').length
      const before = mappings()
      const sets = Array.from({ length: 3000 }, () => VectorSet.from(big.subarray(0, 4 * 64), shape))
      expect(mappings() - before).toBeLessThan(300)
      for (const set of sets) set.close()
    },
  )

  it('does not grow over many aborted searches', async () => {
    using set = VectorSet.from(big, shape)
    const queries = big.slice(0, 64 * 64)
    const run = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const abort = new AbortController()
        const running = set.search(queries, { k: 10_000, threads: 2, signal: abort.signal })
        abort.abort()
        await running.catch((error: unknown) => expect(error).toMatchObject({ code: 'ERR_ABORTED' }))
      }
    }
    await run(20)
    const before = residentBytes()
    // The results alone are 64 x 10,000 x 12 bytes each: 2.3 GiB for all.
    await run(300)
    expect(residentBytes() - before).toBeLessThan(256 * megabyte)
  })
})
