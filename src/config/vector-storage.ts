const gib = 1024 ** 3
const pageBytes = 8192
/** Of a page, its header and a pointer for one row. */
const pageOverhead = 28
/** Of a row: header, an id and what alignment adds. */
const rowOverhead = 40
/** Of a value that is stored out of line: header and pointer of each piece, and the index over the pieces. */
const pieceOverhead = 60
/** Measured on text embeddings, pictures and words (docs/index-am.md): 1 byte for each dimension, and up to 200. */
const indexOverhead = 200

/** What a table of vectors of 4 bytes a number needs on the disk, in bytes. */
export interface VectorSizes {
  /** With the larger of the two ways to store a vector: beside its row, and out of line. */
  readonly table: number
  /** `USING simdgres`. */
  readonly index: number
}

export function estimateSizes(rows: number, dims: number): VectorSizes {
  const vector = 8 + 4 * dims
  const perPage = Math.floor((pageBytes - pageOverhead) / (rowOverhead + vector))
  const beside = perPage > 0 ? pageBytes / perPage : 0
  const outOfLine = rowOverhead + vector + pieceOverhead * Math.ceil(vector / 1996)
  return { table: rows * Math.max(beside, outOfLine), index: rows * (dims + indexOverhead) }
}

/** A search reads pages all over the index, so it has to stay in memory; a GiB for everything else. In bytes, whole GiB. */
export function recommendMemory(sizes: VectorSizes): number {
  return Math.max(2, Math.ceil((1.25 * sizes.index) / gib) + 1) * gib
}

/**
 * Half as much again for REINDEX and dead rows. Of the volume a quarter may be held by replication slots and a tenth by the
 * log (docker/postgres/tune.sh). In bytes, whole GiB.
 */
export function recommendStorage(sizes: VectorSizes): number {
  return Math.max(10, Math.ceil((1.5 * (sizes.table + sizes.index)) / (1 - 0.25 - 0.1) / gib)) * gib
}
