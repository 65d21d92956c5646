/** Writers of the formats that readers/ reads: bytes laid out by hand, sharing nothing with the readers. */

export type Rows = readonly (readonly number[])[]
type Put = (bytes: Buffer, value: number, at: number) => void

interface Encoding {
  readonly bytes: number
  readonly put: Put
}

export const encodings = {
  f64: { bytes: 8, put: (bytes, value, at) => bytes.writeDoubleLE(value, at) },
  f32: { bytes: 4, put: (bytes, value, at) => bytes.writeFloatLE(value, at) },
  i32: { bytes: 4, put: (bytes, value, at) => bytes.writeInt32LE(value, at) },
  u16: { bytes: 2, put: (bytes, value, at) => bytes.writeUInt16LE(value, at) },
  i8: { bytes: 1, put: (bytes, value, at) => bytes.writeInt8(value, at) },
  u8: { bytes: 1, put: (bytes, value, at) => bytes.writeUInt8(value, at) },
} as const satisfies Record<string, Encoding>

function encodeValues(values: readonly number[], { bytes, put }: Encoding): Buffer {
  const encoded = Buffer.alloc(values.length * bytes)
  for (const [index, value] of values.entries()) put(encoded, value, index * bytes)
  return encoded
}

/** .fvecs (f32), .ivecs (i32), .bvecs (u8). */
export function encodeVecs(rows: Rows, encoding: Encoding): Buffer {
  const parts = rows.map((row) => {
    return Buffer.concat([encodeValues([row.length], encodings.i32), encodeValues(row, encoding)])
  })
  return Buffer.concat(parts)
}

/** .fbin (f32), .u8bin (u8), .i8bin (i8). */
export function encodeBin(rows: Rows, encoding: Encoding): Buffer {
  const header = encodeValues([rows.length, rows[0]?.length ?? 0], encodings.i32)
  return Buffer.concat([header, encodeValues(rows.flat(), encoding)])
}

export interface NpyOptions {
  readonly version?: 1 | 2 | 3
  readonly shape?: string
  readonly order?: 'True' | 'False'
}

/** .npy as NumPy lays it out: the header is padded with spaces to a multiple of 64 bytes and ends in a line feed. */
export function encodeNpy(rows: Rows, descr: string, encoding: Encoding, options: NpyOptions = {}): Buffer {
  const { version = 1, shape = `(${rows.length}, ${rows[0]?.length ?? 0})`, order = 'False' } = options
  const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`
  const fixedBytes = version === 1 ? 10 : 12
  const padded = Math.ceil((fixedBytes + text.length + 1) / 64) * 64 - fixedBytes
  const fixed = Buffer.alloc(fixedBytes)
  fixed.write('\x93NUMPY', 0, 'latin1')
  fixed[6] = version
  fixed.writeUIntLE(padded, 8, version === 1 ? 2 : 4)
  return Buffer.concat([
    fixed,
    Buffer.from(`${text.padEnd(padded - 1)}\n`, 'latin1'),
    encodeValues(rows.flat(), encoding),
  ])
}
