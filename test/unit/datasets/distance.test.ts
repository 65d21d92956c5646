import { expect, test } from 'vitest'
import { distanceAt } from '#src/datasets/distance.js'
import { trueDistance } from './true-distance.js'

const a = Float32Array.of(1, 2, -3)
const b = Float32Array.of(4, -2, 0)

test('distances worked out by hand', () => {
  expect(trueDistance('l2', a, b)).toBe(Math.sqrt(9 + 16 + 9))
  expect(trueDistance('l1', a, b)).toBe(10)
  expect(trueDistance('ip', a, b)).toBe(-0)
  expect(trueDistance('ip', a, a)).toBe(-14)
  expect(trueDistance('cosine', a, a)).toBeCloseTo(0, 15)
  expect(
    trueDistance(
      'cosine',
      a,
      a.map((value) => -2 * value),
    ),
  ).toBeCloseTo(2, 15)
})

test('a zero vector has no cosine distance, as in pgvector', () => {
  expect(trueDistance('cosine', a, new Float32Array(3))).toBeNaN()
})

test('sums are float64: terms that f32 would lose are kept', () => {
  const large = Float32Array.of(2 ** 24, 1)
  expect(trueDistance('l1', large, new Float32Array(2))).toBe(2 ** 24 + 1)
  expect(trueDistance('ip', Float32Array.of(1e20, 1), Float32Array.of(1e20, 0))).toBe(
    -(Math.fround(1e20) ** 2),
  )
})

test('a place inside larger arrays gives what the vectors alone give', () => {
  const pool = Float32Array.of(9, ...a, 9, ...b, 9)
  for (const metric of ['l2', 'l1', 'ip', 'cosine'] as const) {
    expect(distanceAt[metric](pool, 1, pool, 5, 3)).toBe(trueDistance(metric, a, b))
  }
})
