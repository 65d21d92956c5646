import type { Matrix } from '../../datasets/dataset.js'

/** The queries of one call. */
export interface QueryBatch {
  /** Row numbers in the matrix of queries. */
  readonly rows: Uint32Array
  /** Their vectors, one after the other. */
  readonly vectors: Float32Array
}

/** The queries of one turn; all clients of a load draw from it. */
export interface QueryTurn {
  /** How often `next` gives queries, unless the time is up before; missing: as long as the time lasts. */
  readonly calls?: number
  /** Undefined when the turn is over. */
  next(): QueryBatch | undefined
}

/**
 * Walks through the queries in a given order, over and over. Every row of the report has a cursor of its own over
 * the same order: whatever its speed, it sees the same sequence of queries, the slow ones a shorter part of it.
 */
export class QueryCursor {
  readonly #queries: Matrix
  readonly #order: Uint32Array
  readonly #batchSize: number
  #position = 0

  /** `batchSize` queries are taken at once. */
  constructor(queries: Matrix, order: Uint32Array, batchSize: number) {
    this.#queries = queries
    this.#order = order
    this.#batchSize = batchSize
  }

  /** Goes on at this place of the order, modulo its length. */
  seek(position: number): void {
    this.#position = position % this.#order.length
  }

  /** Passes over `count` queries that were searched before. */
  skip(count: number): void {
    this.seek(this.#position + count)
  }

  next(): QueryBatch {
    const batch = this.peek()
    this.skip(batch.rows.length)
    return batch
  }

  /** What `next` will give. */
  peek(): QueryBatch {
    const { data, dims } = this.#queries
    const rows = new Uint32Array(this.#batchSize)
    for (let i = 0; i < rows.length; i++) rows[i] = this.#order[(this.#position + i) % this.#order.length]!
    // One query is a view, which costs nothing; more of them have to lie side by side.
    const first = rows[0]! * dims
    if (rows.length === 1) return { rows, vectors: data.subarray(first, first + dims) }
    const vectors = new Float32Array(rows.length * dims)
    for (const [i, row] of rows.entries()) {
      vectors.set(data.subarray(row * dims, (row + 1) * dims), i * dims)
    }
    return { rows, vectors }
  }
}
