import { describe, expect, it } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { cosine, dot, hamming, l2sq, norm } from '#src/vectors/distances.js'
import { VectorSet } from '#src/vectors/vector-set.js'

/** Callers without types pass anything. */
type Untyped = (...args: unknown[]) => unknown
const from = VectorSet.from as Untyped
const vectors = new Float32Array([1, 2, 3, 4, 5, 6])
const set = VectorSet.from(vectors, { dims: 3, metric: 'l2' })
const searchSync = set.searchSync.bind(set) as Untyped

function detached(): Float32Array {
  const view = new Float32Array([1, 2, 3])
  structuredClone(view, { transfer: [view.buffer] })
  return view
}

function failureOf(run: () => unknown): SimdgresError {
  try {
    run()
  } catch (error) {
    if (error instanceof SimdgresError) return error
    throw error
  }
  throw new Error('expected an error')
}

const query = vectors.slice(0, 3)
const l2 = { dims: 3, metric: 'l2' }

it.each<[string, () => unknown, string]>([
  [
    'data of another type',
    () => from([1, 2, 3], l2),
    'Expected a Float32Array for data but received an instance of Array',
  ],
  [
    'float64 data',
    () => from(new Float64Array(3), l2),
    'a Float32Array for data but received an instance of Float64Array',
  ],
  ['no data', () => from(undefined, l2), 'Expected a Float32Array for data but received undefined'],
  ['no vectors', () => from(new Float32Array(0), l2), 'at least one value for data'],
  ['detached data', () => from(detached(), l2), 'readable memory for data but its buffer is detached'],
  ['part of a row', () => from(vectors.subarray(1), l2), 'a multiple of 3 values for data but received 5'],
  ['no options', () => from(vectors), 'for dims but received undefined'],
  [
    'zero dims',
    () => from(vectors, { ...l2, dims: 0 }),
    'an integer from 1 to 65536 for dims but received 0',
  ],
  ['half a dim', () => from(vectors, { ...l2, dims: 1.5 }), 'for dims but received 1.5 of type number'],
  ['dims as text', () => from(vectors, { ...l2, dims: '3' }), 'for dims but received "3"'],
  [
    'an unknown metric',
    () => from(vectors, { ...l2, metric: 'l3' }),
    'one of l2, cosine, ip, l1 for metric but received "l3"',
  ],
  [
    'queries of other dims',
    () => searchSync(new Float32Array(4), { k: 1 }),
    'a multiple of 3 values for queries',
  ],
  ['no queries', () => searchSync(new Float32Array(0), { k: 1 }), 'at least one value for queries'],
  ['detached queries', () => searchSync(detached(), { k: 1 }), 'its buffer is detached'],
  ['no k', () => searchSync(query), 'for k but received undefined'],
  ['k of zero', () => searchSync(query, { k: 0 }), 'for k but received 0'],
  ['a broken k', () => searchSync(query, { k: 2.5 }), 'for k but received 2.5'],
  ['NaN as k', () => searchSync(query, { k: Number.NaN }), 'for k but received NaN'],
  ['no threads', () => searchSync(query, { k: 1, threads: 0 }), 'for threads but received 0'],
  ['vectors of two lengths', () => dot(query, vectors), 'a has 3 elements and b has 6'],
  ['vectors of two types', () => (l2sq as Untyped)(query, new Int8Array(3)), 'a Float32Array, as a is for b'],
  ['arrays', () => (cosine as Untyped)([1], [1]), 'Expected a Float32Array, Int8Array or Uint16Array for a'],
  [
    'half precision that is not said to be',
    () => (dot as Untyped)(new Uint16Array(3), new Uint16Array(3)),
    "'f16' with a Uint16Array for type",
  ],
  ['f16 that is not', () => (norm as Untyped)(query, 'f16'), 'a Uint16Array with the type given for a'],
  ['an empty vector', () => norm(new Float32Array(0)), 'at least one value for a'],
  ['bits in numbers', () => (hamming as Untyped)(query, query), 'a Uint8Array of bits for a'],
])('refuses %s', (_, run, message) => {
  const failure = failureOf(run)
  expect(failure.code).toBe('ERR_INVALID_ARGUMENT')
  expect(failure.message).toContain(message)
  expect(failure.hint).not.toBe('')
})

describe('a signal', () => {
  it('has to be one', async () => {
    const search = set.search.bind(set) as Untyped
    await expect(search(query, { k: 1, signal: { aborted: false } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: 'Expected an AbortSignal for signal but received an instance of Object',
    })
  })

  it.each(['signal', 'k', 'threads'])('and a %s whose getter closes the set is told so', async (name) => {
    const closing = VectorSet.from(vectors, { dims: 3, metric: 'l2' })
    const options = {
      k: 1,
      get [name]() {
        closing.close()
        return name === 'signal' ? undefined : 1
      },
    }
    await expect(closing.search(query, options)).rejects.toThrow('Expected an open VectorSet')
  })
})

describe('a closed set', () => {
  const closed = VectorSet.from(vectors, { dims: 3, metric: 'ip' })
  closed.close()

  it('refuses to search, and to nobody else harm', async () => {
    expect(() => closed.searchSync(query, { k: 1 })).toThrow(
      'Expected an open VectorSet but it has been closed',
    )
    await expect(closed.search(query, { k: 1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    closed.close()
  })
})

it('takes k beyond the rows for all rows', () => {
  expect([...set.searchSync(query, { k: 4e9 }).ids]).toEqual([0, 1])
})
