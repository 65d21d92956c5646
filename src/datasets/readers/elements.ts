/** How numbers are stored in a file. All formats here are little-endian, as are the machines of this project. */
export interface Element {
  readonly name: string
  readonly bytes: number
  /** A view of `count` numbers; `start` is a multiple of `bytes`. */
  readonly view: (buffer: ArrayBuffer, start: number, count: number) => ArrayLike<number>
}

export const elements = {
  f64: { name: 'f64', bytes: 8, view: (buffer, start, count) => new Float64Array(buffer, start, count) },
  f32: { name: 'f32', bytes: 4, view: (buffer, start, count) => new Float32Array(buffer, start, count) },
  f16: { name: 'f16', bytes: 2, view: readHalves },
  i32: { name: 'i32', bytes: 4, view: (buffer, start, count) => new Int32Array(buffer, start, count) },
  i8: { name: 'i8', bytes: 1, view: (buffer, start, count) => new Int8Array(buffer, start, count) },
  u8: { name: 'u8', bytes: 1, view: (buffer, start, count) => new Uint8Array(buffer, start, count) },
} as const satisfies Record<string, Element>

function readHalves(buffer: ArrayBuffer, start: number, count: number): Float32Array {
  return Float32Array.from(new Uint16Array(buffer, start, count), halfToNumber)
}

/** IEEE 754 binary16: 1 sign bit, 5 bits of exponent, 10 of fraction. Every one is exact in f32. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}
