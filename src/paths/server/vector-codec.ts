import { numberToHalf } from '../../datasets/readers/half-precision.js'

/**
 * PostgreSQL's binary formats of vectors, big-endian. pgvector's `vector`: int16 dims, int16 unused, dims x float4
 * (vector_recv in pgvector's src/vector.c); `halfvec` the same with float2 (halfvec_recv). `real[]`: int32 dimensions, int32 has-nulls, int32 element type, int32
 * length, int32 lower bound, then every element with its int32 size before it (array_recv).
 */
const vectorHeaderBytes = 4
const arrayHeaderBytes = 20
/** Type id of float4 in pg_type. */
const float4Oid = 700
const float4Bytes = 4
const float2Bytes = 2

/** How vectors of one SQL type travel. `dims` values are read from `data[start]` on. */
export interface VectorFormat {
  bytes(dims: number): number
  write(view: DataView, offset: number, data: Float32Array, start: number, dims: number): void
  /** As a literal without its quotes. The shortest decimals of a float32's value, read as float4, are that value. */
  print(vector: Float32Array): string
}

/** pgvector's `vector`. */
export const vectorFormat: VectorFormat = {
  bytes: (dims) => vectorHeaderBytes + float4Bytes * dims,
  write(view, offset, data, start, dims) {
    view.setUint16(offset, dims)
    view.setUint16(offset + 2, 0)
    const values = offset + vectorHeaderBytes
    for (let i = 0; i < dims; i++) view.setFloat32(values + float4Bytes * i, data[start + i]!)
  },
  print: (vector) => `[${vector.join(',')}]`,
}

/** pgvector's `halfvec`: each value is rounded to the nearest half-precision number, as pgvector's own cast does. */
export const halfvecFormat: VectorFormat = {
  bytes: (dims) => vectorHeaderBytes + float2Bytes * dims,
  write(view, offset, data, start, dims) {
    view.setUint16(offset, dims)
    view.setUint16(offset + 2, 0)
    const values = offset + vectorHeaderBytes
    for (let i = 0; i < dims; i++) view.setUint16(values + float2Bytes * i, numberToHalf(data[start + i]!))
  },
  print: vectorFormat.print,
}

/** `real[]`. */
export const realArrayFormat: VectorFormat = {
  bytes: (dims) => arrayHeaderBytes + 2 * float4Bytes * dims,
  write(view, offset, data, start, dims) {
    view.setInt32(offset, 1)
    view.setInt32(offset + 4, 0)
    view.setInt32(offset + 8, float4Oid)
    view.setInt32(offset + 12, dims)
    view.setInt32(offset + 16, 1)
    let at = offset + arrayHeaderBytes
    for (let i = 0; i < dims; i++) {
      view.setInt32(at, float4Bytes)
      view.setFloat32(at + float4Bytes, data[start + i]!)
      at += 2 * float4Bytes
    }
  },
  print: (vector) => `{${vector.join(',')}}`,
}

/** One vector as a bound parameter. */
export function encodeParameter(format: VectorFormat, vector: Float32Array): Buffer {
  const buffer = Buffer.allocUnsafe(format.bytes(vector.length))
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  format.write(view, 0, vector, 0, vector.length)
  return buffer
}
