import { once } from 'node:events'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { cosine, dot, hamming, l1, norm } from '#src/vectors/distances.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors } from './oracle.js'

const dims = 3
const data = randomVectors(50, dims, 1)
const query = data.slice(7 * dims, 8 * dims)
const l2 = { dims, metric: 'l2' } as const

/** Answers to whoever asks that it has three values. */
class Liar extends Float32Array {
  override get length(): never {
    return 3 as never
  }
}

/** Over a copy: filled value by value, it would believe itself. */
function liar(values: Float32Array): Float32Array {
  return new Liar(values.slice().buffer)
}

function withLength(values: Float32Array, length: number): Float32Array {
  return Object.defineProperty(values.slice(), 'length', { value: length })
}

it('counts the values of a subclass whose length says less', async () => {
  using set = VectorSet.from(liar(data), l2)
  expect(set.rows).toBe(50)
  const found = set.searchSync(liar(data), { k: 1 })
  expect([...found.ids]).toEqual(Array.from({ length: 50 }, (_, i) => i))
  expect(await set.search(liar(data), { k: 1 })).toEqual(found)
})

it.each([3, 0, 30_000_000, -1, Number.NaN])(
  'is not told by a property that there are %d values',
  (length) => {
    using set = VectorSet.from(withLength(data, length), l2)
    expect(set.rows).toBe(50)
    expect([...set.searchSync(withLength(query, length), { k: 1 }).ids]).toEqual([7])
    expect(dot(withLength(query, length), query)).toBe(dot(query, query))
    expect(norm(withLength(query, length))).toBe(norm(query))
    expect(() => dot(withLength(query, 6), data.subarray(0, 6))).toThrow('a has 3 elements and b has 6')
  },
)

it('knows bytes that call themselves floats', () => {
  const bytes = Object.setPrototypeOf(new Uint8Array(12), Float32Array.prototype) as Float32Array
  const refusal = expect.objectContaining({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('received an instance of Uint8Array'),
  })
  using set = VectorSet.from(data, l2)
  for (const run of [
    () => VectorSet.from(bytes, l2),
    () => set.searchSync(bytes, { k: 1 }),
    () => dot(bytes, bytes),
    () => norm(bytes),
  ]) {
    expect(run).toThrow(refusal)
  }
})

it('does not need the prototype of an array', () => {
  const bare = Object.setPrototypeOf(query.slice(), null) as Float32Array
  expect(dot(bare, query)).toBe(dot(query, query))
})

it('takes arrays of another realm', async () => {
  const realm = vm.createContext({})
  const run = <T>(code: string): T => vm.runInContext(code, realm)
  const foreign = run<Float32Array>('new Float32Array([1, 0, 0, 1])')
  expect(foreign instanceof Float32Array).toBe(false)
  expect([dot(foreign, foreign), l1(foreign, new Float32Array(4))]).toEqual([2, 2])
  expect(cosine(foreign, foreign)).toBeCloseTo(0)
  expect(hamming(run('new Uint8Array([5])'), new Uint8Array([1]))).toBe(1)
  expect(norm(run('new Int8Array([3, 4])'))).toBe(5)
  using set = VectorSet.from(foreign, { dims: 2, metric: 'l2' })
  expect(set.rows).toBe(2)
  expect((await set.search(run('new Float32Array([0, 1])'), { k: 1 })).ids[0]).toBe(1)
  expect(() => dot(run('new Float32Array(0)'), foreign)).toThrow('an empty Float32Array')
  const detached = run<Float32Array>('new Float32Array(4)')
  structuredClone(detached.buffer, { transfer: [detached.buffer as ArrayBuffer] })
  expect(() => dot(detached, foreign)).toThrow('its buffer is detached')
})

it('takes a signal of another realm, and sees it fire', async () => {
  const listeners = new Set<() => void>()
  const signal = {
    aborted: false,
    reason: 'enough',
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
  } as unknown as AbortSignal
  const large = randomVectors(20_000, 64, 2)
  using set = VectorSet.from(large, { dims: 64, metric: 'l1' })
  const search = set.search(large, { k: 1, signal })
  for (const listener of listeners) listener()
  await expect(search).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' })
})

it.each(['aborted', 'addEventListener', 'reason'])(
  'a signal whose %s closes the set ends no process',
  async (name) => {
    const set = VectorSet.from(data, l2)
    const signal = new AbortController().signal
    Object.defineProperty(signal, name, {
      get() {
        set.close()
        return name === 'addEventListener' ? () => undefined : false
      },
    })
    const [outcome] = await Promise.allSettled([set.search(query, { k: 1, signal })])
    if (outcome?.status === 'fulfilled') expect(outcome.value.ids[0]).toBe(7)
    else expect(outcome?.reason).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    if (name === 'aborted') expect(outcome?.status).toBe('rejected')
  },
)

it('a signal that cannot be listened to rejects, and leaves no search behind', async () => {
  using set = VectorSet.from(data, l2)
  const signal = new AbortController().signal
  signal.addEventListener = () => {
    throw new Error('deaf')
  }
  await expect(set.search(query, { k: 1, signal })).rejects.toThrow()
})

it('shows its shape to readers and to nobody who would change it', () => {
  using set = VectorSet.from(data, l2)
  for (const name of ['rows', 'dims', 'metric']) {
    expect(() => Object.assign(set, { [name]: 1 })).toThrow(TypeError)
  }
  expect(set.searchSync(query, { k: 1000 }).ids).toHaveLength(50)
})

it('takes what a growing SharedArrayBuffer had when it was read', async () => {
  const mostBytes = 64 << 20
  // ES2024, which the types of ES2023 do not know.
  const buffer = Reflect.construct(SharedArrayBuffer, [dims * 4, { maxByteLength: mostBytes }])
  const view = new Float32Array(buffer)
  const grower = new Worker(
    `const { workerData: buffer, parentPort } = require('node:worker_threads')
     parentPort.postMessage('started')
     for (let bytes = buffer.byteLength; bytes < ${mostBytes}; bytes += 4096) buffer.grow(bytes)`,
    { eval: true, workerData: buffer },
  )
  const ended = once(grower, 'exit')
  await once(grower, 'message')
  using set = VectorSet.from(data, l2)
  let calls = 0
  for (
    const until = performance.now() + 1000;
    performance.now() < until && view.length < mostBytes / 4;
    calls++
  ) {
    try {
      using grown = VectorSet.from(view, { dims: 1, metric: 'l2' })
      expect(grown.rows).toBeGreaterThan(0)
      const { ids } = set.searchSync(view.length > 3000 ? query : view, { k: 1 })
      expect(ids.length).toBeGreaterThan(0)
      expect(norm(view)).toBe(0)
      expect(dot(view, view)).toBe(0)
    } catch (error) {
      // Whole rows, and two arrays of one length, are what it grows out of.
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
  }
  expect(calls).toBeGreaterThan(0)
  await grower.terminate()
  await ended
})
