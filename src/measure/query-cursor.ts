import type { Matrix } from '../datasets/dataset.js'

/**
 * Walks through the queries in a given order, over and over. Every row of the report has a cursor of its own over
 * the same order: whatever its speed, it sees the same sequence of queries, the slow ones a shorter part of it.
 */
export class QueryCursor {
  readonly #queries: Matrix
  readonly #order: Uint32Array
  readonly #buffer: Float32Array
  #position = 0

  /** `batchSize` queries are taken at once. */
  constructor(queries: Matrix, order: Uint32Array, batchSize: number) {
    this.#queries = queries
    this.#order = order
    this.#buffer = new Float32Array(batchSize * queries.dims)
  }

  /** The next batch: row numbers, and the vectors (valid until the next call). */
  next(): { rows: Uint32Array; vectors: Float32Array } {
    const { data, dims } = this.#queries
    const rows = new Uint32Array(this.#buffer.length / dims)
    for (let i = 0; i < rows.length; i++) {
      const row = this.#order[this.#position]!
      rows[i] = row
      this.#buffer.set(data.subarray(row * dims, (row + 1) * dims), i * dims)
      this.#position = (this.#position + 1) % this.#order.length
    }
    return { rows, vectors: this.#buffer }
  }
}
