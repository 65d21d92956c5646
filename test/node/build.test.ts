import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { BuildProgress } from '#src/vectors/build-set.js'
import { metrics } from '#src/vectors/metric.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors, searchByBruteForce, seededRandom } from './oracle.js'

const dims = 96
const random = seededRandom(1)
/** 38 MiB. */
const data = new Float32Array(100_000 * dims).map(() => random() - 0.5)
const queries = data.slice(0, 3 * dims)
const options = { dims, metric: 'l2', codes: 'levels' } as const
const megabyte = 1 << 20

describe('VectorSet.build', () => {
  it.each(metrics)('%s: makes what VectorSet.from makes, with codes and without', async (metric) => {
    const rows = data.slice(0, 3001 * 7)
    const expected = searchByBruteForce(rows, 7, metric, rows.subarray(0, 21), 10)
    for (const codes of ['levels', undefined] as const) {
      const shape = codes ? { dims: 7, metric, codes } : { dims: 7, metric }
      using made = VectorSet.from(rows, shape)
      using built = await VectorSet.build(rows, shape)
      expect([built.rows, built.dims, built.metric, built.bytes]).toEqual([3001, 7, metric, made.bytes])
      const found = built.searchSync(rows.subarray(0, 21), { k: 10 })
      expect([...found.ids]).toEqual(expected.ids)
      expect([...found.distances]).toEqual(expected.distances)
      expect(found).toEqual(made.searchSync(rows.subarray(0, 21), { k: 10 }))
    }
  })

  it('leaves the event loop free, says how far it is, and lets searches in between', async () => {
    const seen: BuildProgress[] = []
    using other = VectorSet.from(queries, { dims, metric: 'l2' })
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const building = VectorSet.build(data, { ...options, onProgress: (progress) => seen.push(progress) })
    let searched = 0
    for (let hasEnded = false; !hasEnded; searched++) {
      await other.search(queries, { k: 1 })
      hasEnded = await Promise.race([building.then(() => true), sleep(2, false)])
    }
    delay.disable()
    using built = await building
    expect([...built.searchSync(queries, { k: 1 }).ids]).toEqual([0, 1, 2])
    expect(searched).toBeGreaterThan(5)
    // On the calling thread it would be one turn of half a second. The machine may be busy: 5 ms is what it takes alone.
    expect(delay.percentile(90) / 1e6).toBeLessThan(20)
    expect(seen.at(-1)).toEqual({ step: 'make', done: 1 })
    // The first turn and the last, and fifty times a second between them.
    expect(seen.filter(({ step }) => step === 'copy').length).toBeGreaterThanOrEqual(2)
    for (const [i, { step, done }] of seen.entries()) {
      const before = seen[i - 1]
      if (before?.step === step) expect(done).toBeGreaterThanOrEqual(before.done)
      else expect(step).toBe(before === undefined ? 'copy' : 'make')
    }
  })

  it.each([0, 5, 40, 120, 250])(
    'rejects at once when it is aborted after %d ms, and frees its memory',
    async (ms) => {
      const before = process.memoryUsage.rss()
      let shortest = Number.POSITIVE_INFINITY
      // A machine that has other work may hold any one of them up.
      for (let attempt = 0; attempt < 3 && shortest >= 10; attempt++) {
        const abort = new AbortController()
        const building = VectorSet.build(data, { ...options, signal: abort.signal })
        const settled = building.then(
          (set) => set.close(),
          (error: unknown) => expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' }),
        )
        await sleep(ms)
        abort.abort('enough')
        const aborted = performance.now()
        await settled
        shortest = Math.min(shortest, performance.now() - aborted)
      }
      expect(shortest).toBeLessThan(10)
      // A set with codes has some 45 MiB.
      for (let i = 0; i < 50 && process.memoryUsage.rss() - before > 16 * megabyte; i++) await sleep(10)
      expect(process.memoryUsage.rss() - before).toBeLessThan(16 * megabyte)
    },
  )

  it('does not start when the signal has fired, nor without a function to tell', async () => {
    const building = VectorSet.build(data, { ...options, signal: AbortSignal.abort('no') })
    await expect(building).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'no' })
    const wrong = { ...options, onProgress: 1 } as never
    await expect(VectorSet.build(data, wrong)).rejects.toThrow('Expected a function for onProgress')
    await expect(VectorSet.build(data.subarray(1), options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })

  it.each(['copy', 'make'])('ends with what the listener throws while it would %s', async (step) => {
    const building = VectorSet.build(data, {
      ...options,
      onProgress(progress) {
        if (progress.step === step) throw new Error('out of memory, says the listener')
      },
    })
    await expect(building).rejects.toThrow('says the listener')
  })

  it('refuses a value that is not finite, and data that is transferred meanwhile', async () => {
    const broken = randomVectors(500, dims, 2)
    broken[5 * dims + 3] = Number.NaN
    await expect(VectorSet.build(broken, options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: 'Expected finite values for codes but row 5 holds NaN or infinity',
    })
    const moved = data.slice()
    const building = VectorSet.build(moved, options)
    structuredClone(moved.buffer, { transfer: [moved.buffer] })
    await expect(building).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})
