import { halfToNumber } from './half-precision.js'

/** How numbers are stored in a file: little-endian, as the machines of this project are. */
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
  i64: { name: 'i64', bytes: 8, view: readInt64 },
  u64: { name: 'u64', bytes: 8, view: readUint64 },
  i32: { name: 'i32', bytes: 4, view: (buffer, start, count) => new Int32Array(buffer, start, count) },
  u32: { name: 'u32', bytes: 4, view: (buffer, start, count) => new Uint32Array(buffer, start, count) },
  i16: { name: 'i16', bytes: 2, view: (buffer, start, count) => new Int16Array(buffer, start, count) },
  u16: { name: 'u16', bytes: 2, view: (buffer, start, count) => new Uint16Array(buffer, start, count) },
  i8: { name: 'i8', bytes: 1, view: (buffer, start, count) => new Int8Array(buffer, start, count) },
  u8: { name: 'u8', bytes: 1, view: (buffer, start, count) => new Uint8Array(buffer, start, count) },
} as const satisfies Record<string, Element>

function readHalves(buffer: ArrayBuffer, start: number, count: number): Float32Array {
  return Float32Array.from(new Uint16Array(buffer, start, count), halfToNumber)
}

function readInt64(buffer: ArrayBuffer, start: number, count: number): Float64Array {
  return Float64Array.from(new BigInt64Array(buffer, start, count), Number)
}

function readUint64(buffer: ArrayBuffer, start: number, count: number): Float64Array {
  return Float64Array.from(new BigUint64Array(buffer, start, count), Number)
}

/** Turns big-endian values into little-endian ones, or back. The length is a multiple of `elementBytes`. */
export function swapBytes(bytes: Buffer, elementBytes: number): void {
  if (elementBytes === 2) bytes.swap16()
  else if (elementBytes === 4) bytes.swap32()
  else if (elementBytes === 8) bytes.swap64()
}
