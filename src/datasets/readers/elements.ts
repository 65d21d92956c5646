import { halfToNumber } from './half-precision.js'

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
