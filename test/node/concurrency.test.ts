import { setImmediate as nextTick, setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors } from './oracle.js'

const dims = 100
const data = randomVectors(100_000, dims, 1)
const set = VectorSet.from(data, { dims, metric: 'l1' })
const query = data.slice(0, dims)
/** Enough of them for a long search: l1 has no kernel for many queries at once. */
const manyQueries = data.slice(0, 40 * dims)

afterAll(() => set.close())

async function countTicksDuring(work: Promise<unknown>): Promise<number> {
  let hasEnded = false
  const mark = () => {
    hasEnded = true
  }
  work.then(mark, mark)
  let ticks = 0
  while (!hasEnded) {
    ticks++
    await nextTick()
  }
  return ticks
}

/** Threads that went on would use a processor each: the processor time of a process does not depend on its neighbours. */
async function expectIdleThreads(): Promise<void> {
  await sleep(100)
  const before = process.cpuUsage()
  await sleep(300)
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1000).toBeLessThan(100)
}

describe('search', () => {
  it('leaves the event loop free', async () => {
    const search = set.search(manyQueries, { k: 10 })
    expect(await countTicksDuring(search)).toBeGreaterThan(100)
    expect((await search).ids[0]).toBe(0)
  })

  it('does not let a short one wait for the end of a long one', async () => {
    const order: string[] = []
    // Turns are groups of up to 128 queries.
    const groups = data.slice(0, 600 * dims)
    const long = set.search(groups, { k: 10, threads: 2 }).then(() => order.push('long'))
    const short = set.search(query, { k: 10, threads: 2 }).then(() => order.push('short'))
    await Promise.all([long, short])
    expect(order).toEqual(['short', 'long'])
  })

  it('gives each of many searches at once its own result', async () => {
    const searches = Array.from({ length: 100 }, (_, i) =>
      set.search(data.subarray(i * dims, (i + 1) * dims), { k: 1, threads: 1 + (i % 3) }),
    )
    const found = await Promise.all(searches)
    expect(found.map(({ ids }) => ids[0])).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  it('finishes on a set that is closed meanwhile', async () => {
    const closing = VectorSet.from(data, { dims, metric: 'l2' })
    const running = [1, 2, 3].map((threads) => closing.search(query, { k: 2, threads }))
    closing.close()
    for (const { ids, distances } of await Promise.all(running)) {
      expect([ids[0], distances[0]]).toEqual([0, 0])
    }
    await expect(closing.search(query, { k: 1 })).rejects.toThrow('Expected an open VectorSet')
  })
})

describe('abort', () => {
  it('rejects at once when the signal has fired before', async () => {
    const reason = new Error('no longer needed')
    const search = set.search(query, { k: 1, signal: AbortSignal.abort(reason) })
    await expect(search).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: reason })
  })

  it('rejects while the search runs, which ends it', async () => {
    const abort = new AbortController()
    const search = set.search(manyQueries, { k: 10, threads: 2, signal: abort.signal })
    const rejection = expect(search).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await nextTick()
    abort.abort()
    await rejection
    await expectIdleThreads()
    const found = await set.search(query, { k: 1 })
    expect(found.ids[0]).toBe(0)
  })

  it('frees the threads of all aborted searches', async () => {
    const complete = countTicksDuring(set.search(manyQueries, { k: 1 }))
    const abort = new AbortController()
    const searches = Array.from({ length: 50 }, () =>
      set.search(manyQueries, { k: 10, threads: 2, signal: abort.signal }),
    )
    const settled = Promise.allSettled(searches)
    abort.abort()
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true)
    await complete
    await expectIdleThreads()
  })

  it('leaves no listener on the signal', async () => {
    const abort = new AbortController()
    const added: unknown[] = []
    const removed: unknown[] = []
    const { signal } = abort
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      added.push(args[1])
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      removed.push(args[1])
      remove(...args)
    }
    await set.search(query, { k: 1, signal })
    expect(added).toHaveLength(1)
    expect(removed).toEqual(added)
  })
})
