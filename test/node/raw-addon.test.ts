import { describe, expect, it } from 'vitest'
import { addon, type NativeAddon } from '#src/vectors/addon.js'
import { runChild } from './child.js'
import { randomVectors } from './oracle.js'

/** The border itself: whoever finds the file can call what it exports, with anything. */
type Raw = { readonly [Name in keyof NativeAddon]: (...args: unknown[]) => unknown }
const raw = addon() as unknown as Raw
const native = addon()

const data = randomVectors(10, 4, 1)
const query = data.slice(0, 4)
const set = native.createSet(data, 4, 0, 0)

describe('a handle', () => {
  const result = native.searchSync(set, query, 2, 1)
  const wrong: readonly [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 1],
    ['a string', 'set'],
    ['an object', { rows: 10 }],
    ['a result', result],
    ['what inherits from one', Object.create(set)],
    ['a proxy of one', new Proxy(set, {})],
    ['a copy of one', { ...set }],
  ]
  it.each(wrong)('of a set is not %s', (_, handle) => {
    for (const run of [
      () => raw.searchSync(handle, query, 1, 1),
      () => raw.startSearch(handle, query, 1, 1),
      () => raw.closeSet(handle),
      () => raw.cancelSearch(handle),
      () => raw.takeResult(handle === result ? set : handle, new Uint32Array(2), new Float64Array(2)),
    ]) {
      expect(run).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    }
  })

  it('of a set that is closed finds nothing', () => {
    const closed = native.createSet(data, 4, 0, 0)
    native.closeSet(closed)
    native.closeSet(closed)
    expect(() => native.searchSync(closed, query, 1, 1)).toThrow('it has been closed')
    expect(() => native.startSearch(closed, query, 1, 1)).toThrow('it has been closed')
  })
})

it('a result fits the arrays that take it, and is taken once', () => {
  const result = native.searchSync(set, query, 2, 1)
  const take = (ids: number, distances: number) =>
    native.takeResult(result, new Uint32Array(ids), new Float64Array(distances))
  expect(result.count).toBe(2)
  for (const [ids, distances] of [
    [1, 2],
    [2, 1],
    [3, 2],
    [0, 0],
  ] as const) {
    expect(() => take(ids, distances)).toThrow(/Expected (arrays of 2 values|at least one value)/)
  }
  expect(() => raw.takeResult(result, new Float32Array(2), new Float64Array(2))).toThrow('a Uint32Array')
  take(2, 2)
  expect(() => take(2, 2)).toThrow('taken once')
})

it.each<[string, () => unknown]>([
  ['no arguments', () => raw.createSet()],
  ['part of a row', () => native.createSet(data, 3, 0, 0)],
  ['a metric beyond the list', () => native.createSet(data, 4, 4, 0)],
  ['NaN dims', () => native.createSet(data, Number.NaN, 0, 0)],
  ['dims as text', () => raw.createSet(data, '4', 0, 0)],
  ['k of zero', () => native.searchSync(set, query, 0, 1)],
  ['k beyond the rows', () => native.searchSync(set, query, 11, 1)],
  ['half a k', () => native.searchSync(set, query, 1.5, 1)],
  ['too many threads', () => native.searchSync(set, query, 1, 1e9)],
  ['float64 queries', () => raw.searchSync(set, new Float64Array(4), 1, 1)],
  ['a DataView', () => raw.searchSync(set, new DataView(query.buffer), 1, 1)],
  ['an op beyond the list', () => native.distance(6, 0, query, query)],
  ['a type beyond the list', () => native.distance(0, 4, query, query)],
  ['bits of floats', () => native.distance(4, 0, query, query)],
  ['floats as bits', () => native.distance(4, 3, query, query)],
  ['the norm of bits', () => native.norm(3, new Uint8Array(2))],
  ['vectors of two lengths', () => native.distance(0, 0, query, data)],
  ['no vectors', () => native.distance(0, 0, new Float32Array(0), new Float32Array(0))],
])('refuses %s with a code', (_, run) => {
  expect(run).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
})

it('survives arguments at random, and is right where they are valid', async () => {
  const seed = process.env['SIMDGRES_FUZZ_SEED'] ?? '20260101'
  const calls = process.env['SIMDGRES_FUZZ_CALLS'] ?? '40000'
  console.log(`raw addon: SIMDGRES_FUZZ_SEED=${seed} SIMDGRES_FUZZ_CALLS=${calls}`)
  const outcome = (await runChild('raw-fuzz', {}, [seed, calls])) as Record<string, number>
  expect(outcome['calls']).toBe(Number(calls))
  expect(outcome['refused']).toBeGreaterThan(Number(calls) / 10)
  expect(outcome['searched']).toBeGreaterThan(Number(calls) / 200)
}, 3_600_000)
