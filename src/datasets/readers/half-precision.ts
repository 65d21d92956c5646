/** IEEE 754 binary16: 1 sign bit, 5 bits of exponent, 10 of fraction. f32 holds each of them exactly. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Rounds to infinity from here on: halfway between 65,504, the largest half, and what would be the next one. */
const infiniteFrom = 65_520
const smallestExponent = -14

/** Rounds every value to the nearest half, ties to the even one, as NumPy's astype('<f2') does. */
export function roundToHalves(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < values.length; i++) values[i] = nearestHalf(values[i]!, bits[i]!)
}

const single = new Float32Array(1)
const singleBits = new Uint32Array(single.buffer)

/** Bits of the half that is nearest to `value`, which f32 holds; of two as near the even one, infinite from 65,520 on. */
export function numberToHalf(value: number): number {
  single[0] = value
  single[0] = nearestHalf(value, singleBits[0]!)
  const bits = singleBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fff_ffff
  if (magnitude > 0x7f80_0000) return sign | 0x7e00
  if (magnitude === 0x7f80_0000) return sign | 0x7c00
  // Below 2^-14 halves lie 2^-24 apart. Above, the exponents' biases differ by 112.
  if (magnitude < 0x3880_0000) return sign | (Math.abs(single[0]) * 2 ** 24)
  return sign | ((magnitude - (112 << 23)) >>> 13)
}

/** @param bits of `value` in f32. */
function nearestHalf(value: number, bits: number): number {
  if (Math.abs(value) >= infiniteFrom) return Math.sign(value) * Number.POSITIVE_INFINITY
  const exponent = Math.max(((bits >> 23) & 0xff) - 127, smallestExponent)
  // Around this number, float64 values are spaced as halves are around `value`, so the sum rounds to a half.
  const coarse = 1.5 * 2 ** (52 + exponent - 10)
  // The sign of a zero is kept.
  return value + coarse - coarse || value * 0
}
