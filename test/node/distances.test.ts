import { describe, expect, it } from 'vitest'
import { cosine, dot, hamming, jaccard, l1, l2sq, norm } from '#src/vectors/distances.js'
import { distanceOf, randomVectors, seededRandom } from './oracle.js'

const lengths = [1, 7, 8, 33, 100, 785, 1536]

/** Bits of halves from 1 to 2 in steps of 1/1024, exact in every type. */
const halfBits = (numerator: number) => 0x3c00 + numerator
const halfValue = (numerator: number) => 1 + numerator / 1024

describe.each(lengths)('of %d elements', (n) => {
  it('f32 agree with float64 loops', () => {
    const a = randomVectors(1, n, 1)
    const b = randomVectors(1, n, 2)
    const magnitude = norm(a) * norm(b)
    expect(Math.abs(dot(a, b) + distanceOf('ip', a, b))).toBeLessThan(magnitude * n * 2 ** -23)
    expect(l2sq(a, b) / distanceOf('l2', a, b) ** 2).toBeCloseTo(1, 4)
    expect(l1(a, b) / distanceOf('l1', a, b)).toBeCloseTo(1, 4)
    expect(cosine(a, b)).toBeCloseTo(distanceOf('cosine', a, b), 4)
    expect(norm(a) / Math.sqrt(-distanceOf('ip', a, a))).toBeCloseTo(1, 5)
  })

  it('i8 are exact', () => {
    const random = seededRandom(n)
    const element = () => Math.floor(random() * 256) - 128
    const a = Int8Array.from({ length: n }, element)
    const b = Int8Array.from({ length: n }, element)
    const [wideA, wideB] = [Float32Array.from(a), Float32Array.from(b)]
    expect(dot(a, b)).toBe(-distanceOf('ip', wideA, wideB))
    expect(l2sq(a, b)).toBe(wideA.reduce((sum, x, i) => sum + (x - wideB[i]!) ** 2, 0))
    expect(l1(a, b)).toBe(distanceOf('l1', wideA, wideB))
    expect(norm(a)).toBe(Math.sqrt(dot(a, a)))
    expect(cosine(a, b)).toBeCloseTo(distanceOf('cosine', wideA, wideB), 12)
  })

  it('f16 agree with float64 loops over the values that the bits mean', () => {
    const random = seededRandom(n + 1)
    const steps = Array.from({ length: 2 * n }, () => Math.floor(random() * 1024))
    const bits = Uint16Array.from(steps, halfBits)
    const values = Float32Array.from(steps, halfValue)
    const [a, b] = [bits.subarray(0, n), bits.subarray(n)]
    const [wideA, wideB] = [values.subarray(0, n), values.subarray(n)]
    expect(dot(a, b, 'f16') / -distanceOf('ip', wideA, wideB)).toBeCloseTo(1, 4)
    expect(l1(a, b, 'f16')).toBeCloseTo(distanceOf('l1', wideA, wideB), 2)
    expect(Math.sqrt(l2sq(a, b, 'f16'))).toBeCloseTo(distanceOf('l2', wideA, wideB), 4)
    expect(cosine(a, b, 'f16')).toBeCloseTo(distanceOf('cosine', wideA, wideB), 4)
    expect(norm(a, 'f16')).toBeCloseTo(norm(wideA), 3)
  })

  it('bits are counted', () => {
    const random = seededRandom(n + 2)
    const bytes = Uint8Array.from({ length: 2 * n }, () => Math.floor(random() * 256))
    const [a, b] = [bytes.subarray(0, n), bytes.subarray(n)]
    const count = (of: (x: number, y: number) => number) =>
      a.reduce((sum, x, i) => sum + of(x, b[i]!).toString(2).replaceAll('0', '').length, 0)
    expect(hamming(a, b)).toBe(count((x, y) => x ^ y))
    expect(jaccard(a, b)).toBeCloseTo(1 - count((x, y) => x & y) / count((x, y) => x | y), 12)
  })
})

it('a zero vector has no direction', () => {
  expect(cosine(new Float32Array(5), new Float32Array(5).fill(1))).toBeNaN()
  expect(norm(new Float32Array(5))).toBe(0)
})

it('sets of bits with nothing in common are 1 apart', () => {
  expect(jaccard(new Uint8Array([0b1010]), new Uint8Array([0b0101]))).toBe(1)
  expect(jaccard(new Uint8Array(3), new Uint8Array(3))).toBe(1)
})
