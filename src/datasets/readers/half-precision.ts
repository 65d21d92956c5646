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
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (Math.abs(value) >= infiniteFrom) values[i] = Math.sign(value) * Number.POSITIVE_INFINITY
    else {
      const exponent = Math.max(((bits[i]! >> 23) & 0xff) - 127, smallestExponent)
      // Around this number, float64 values are spaced as halves are around `value`, so the sum rounds to a half.
      const coarse = 1.5 * 2 ** (52 + exponent - 10)
      // The sign of a zero is kept.
      values[i] = value + coarse - coarse || value * 0
    }
  }
}
