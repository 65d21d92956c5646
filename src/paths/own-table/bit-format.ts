import type { VectorFormat } from '../server/vector-codec.js'

/** PostgreSQL's `bit` in binary: int32 count of bits, and the bits from the highest of each byte (bit_recv). */
export const bitFormat: VectorFormat = {
  bytes: (dims) => 4 + Math.ceil(dims / 8),
  write(view, offset, data, start, dims) {
    view.setInt32(offset, dims)
    for (let at = 0; at < Math.ceil(dims / 8); at++) view.setUint8(offset + 4 + at, 0)
    for (let i = 0; i < dims; i++) {
      if (data[start + i] === 0) continue
      const at = offset + 4 + (i >> 3)
      view.setUint8(at, view.getUint8(at) | (0x80 >> (i & 7)))
    }
  },
  print: (vector) => Array.from(vector, (value) => (value === 0 ? '0' : '1')).join(''),
}
