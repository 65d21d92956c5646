import type { Dataset } from '../../datasets/dataset.js'
import { distanceAt } from '../../datasets/distance.js'
import type { RowInserter } from '../../paths/search-path.js'
import type { Random } from '../../stats/random.js'

/** How far the values of an inserted vector are from those of a row that was there, at most: like it, and not the same. */
const spread = 0.1

/** The rows that were added to one table: their vectors are known, and so is how many of them are there for sure. */
export class InsertedRows {
  readonly #dataset: Dataset
  readonly #random: Random
  #data = new Float32Array(0)
  #sent = 0
  #committed = 0
  /** By query: the distances of the rows that were computed so far. */
  readonly #distances = new Map<number, number[]>()

  constructor(dataset: Dataset, random: Random) {
    this.#dataset = dataset
    this.#random = random
  }

  /** Rows that every search sees which begins now. */
  get committed(): number {
    return this.#committed
  }

  /** Their vectors, row by row; the id of the first is the number of rows of the data set. */
  get data(): Float32Array {
    return this.#data
  }

  /** One row like those of the data set; resolves when it is committed. */
  async insert(inserter: RowInserter): Promise<void> {
    const { base } = this.#dataset
    const { dims } = base
    const number = this.#sent++
    this.#grow(this.#sent * dims)
    const vector = this.#data.subarray(number * dims, (number + 1) * dims)
    const like = this.#random.below(base.rows) * dims
    for (let i = 0; i < dims; i++) {
      const uniform = (this.#random.next() + 0.5) / 2 ** 32
      vector[i] = base.data[like + i]! * (1 + spread * (2 * uniform - 1))
    }
    await inserter.insert(base.rows + number, vector)
    this.#committed = number + 1
  }

  /** The k-th distance of query `row` among the rows of the data set, whose k nearest are given, and the first `count` of these. */
  limitOf(row: number, nearest: Float64Array, count: number): number {
    const k = nearest.length
    const { queries, metric } = this.#dataset
    const { dims } = queries
    const known = this.#distances.get(row) ?? []
    this.#distances.set(row, known)
    while (known.length < count) {
      known.push(distanceAt[metric](queries.data, row * dims, this.#data, known.length * dims, dims))
    }
    const last = nearest[k - 1]!
    const nearer = known.slice(0, count).filter((distance) => distance < last)
    return [...nearest, ...nearer].sort((a, b) => a - b)[k - 1]!
  }

  #grow(values: number): void {
    if (values <= this.#data.length) return
    const larger = new Float32Array(Math.max(values, 2 * this.#data.length))
    larger.set(this.#data)
    this.#data = larger
  }
}
