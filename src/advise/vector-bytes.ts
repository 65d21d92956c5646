import type { VectorType } from '../paths/own-table/table.js'

/** Bytes of a value: pgvector's header of 8 bytes, or a bit string's of 8, and its elements. */
export function vectorBytes(type: VectorType, dims: number): number {
  return 8 + { vector: 4 * dims, halfvec: 2 * dims, bit: Math.ceil(dims / 8) }[type]
}

/** The most dimensions that HNSW and IVFFlat of pgvector take. */
export const indexLimits: Readonly<Record<VectorType, number>> = { vector: 2000, halfvec: 4000, bit: 64_000 }
