import { expect, test } from 'vitest'
import { Random, shuffledIndexes, splitMix64 } from '#src/stats/random.js'

test('SplitMix64 gives the published numbers for seed 1234567', () => {
  const next = splitMix64(1234567n)
  expect(Array.from({ length: 5 }, next)).toEqual([
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ])
})

/** The authors' C code, one operation a line, in 64-bit integers cut to 32 bits. */
function* xoshiro128StarStar(state: bigint[]): Generator<number> {
  const cut = (value: bigint) => BigInt.asUintN(32, value)
  const rotate = (value: bigint, by: bigint) => cut((value << by) | (value >> (32n - by)))
  for (;;) {
    const result = cut(rotate(cut(state[1]! * 5n), 7n) * 9n)
    const shifted = cut(state[1]! << 9n)
    state[2]! ^= state[0]!
    state[3]! ^= state[1]!
    state[1]! ^= state[2]!
    state[0]! ^= state[3]!
    state[2]! ^= shifted
    state[3] = rotate(state[3]!, 11n)
    yield Number(result)
  }
}

test('the generator is xoshiro128** seeded by SplitMix64', () => {
  expect(xoshiro128StarStar([1n, 2n, 3n, 4n]).next().value).toBe(11520)
  const seeds = splitMix64(42n)
  const words = [seeds(), seeds()].flatMap((seed) => [seed & 0xffffffffn, seed >> 32n])
  const reference = xoshiro128StarStar(words)
  const random = new Random(42)
  for (let i = 0; i < 1000; i++) expect(random.next()).toBe(reference.next().value)
})

test('streams of one seed, and seeds, differ; the same ones do not', () => {
  const first = (seed: number, stream: number) =>
    Array.from({ length: 4 }, () => new Random(seed, stream).next())
  expect(first(1, 0)).toEqual(first(1, 0))
  expect(first(1, 0)).not.toEqual(first(1, 1))
  expect(first(1, 0)).not.toEqual(first(2, 0))
})

test('below() is uniform over its range, also where 2^32 is not a multiple of it', () => {
  const random = new Random(7)
  const counts = new Array(6).fill(0)
  for (let i = 0; i < 60_000; i++) counts[random.below(6)]++
  // Six standard deviations of a binomial count.
  for (const count of counts)
    expect(Math.abs(count - 10_000)).toBeLessThan(6 * Math.sqrt(60_000 * (1 / 6) * (5 / 6)))
  const limit = 3_000_000_000
  for (let i = 0; i < 1000; i++) expect(random.below(limit)).toBeLessThan(limit)
})

test('bell() has mean 0, variance 1 and the kurtosis it states', () => {
  const random = new Random(11)
  const count = 200_000
  const moments = [0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const value = random.bell()
    for (let power = 1; power <= 4; power++) moments[power - 1]! += value ** power / count
  }
  expect(moments[0]).toBeCloseTo(0, 1.5)
  expect(moments[1]).toBeCloseTo(1, 1.5)
  expect(moments[2]).toBeCloseTo(0, 1)
  expect(Math.abs(moments[3]! - 2.85)).toBeLessThan(0.06)
})

test('a shuffle is a permutation, and its seed decides which', () => {
  const shuffled = shuffledIndexes(1000, new Random(3))
  expect([...shuffled].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, index) => index))
  expect(shuffled).toEqual(shuffledIndexes(1000, new Random(3)))
  expect(shuffled).not.toEqual(shuffledIndexes(1000, new Random(4)))
})
