import { findNearest } from '#src/datasets/brute-force.js'
import { hashDataset } from '#src/datasets/content-hash.js'
import type { Dataset } from '#src/datasets/dataset.js'
import type { Hits, PathId, SearchPath, Variant } from '#src/paths/search-path.js'
import { Random } from '#src/stats/random.js'

/** Vectors whose neighbours are known by construction: row i is (i, 0). */
export function createLineDataset(rows: number, queries: readonly number[]): Dataset {
  const base = { data: new Float32Array(rows * 2), rows, dims: 2 }
  for (let i = 0; i < rows; i++) base.data[2 * i] = i
  const matrix = { data: new Float32Array(queries.length * 2), rows: queries.length, dims: 2 }
  for (const [i, x] of queries.entries()) matrix.data[2 * i] = x
  const sha256 = hashDataset('l2', base, matrix)
  return { name: 'line', metric: 'l2', base, queries: matrix, synthetic: true, sha256 }
}

/** Exact search by plain loops, which also keeps what it was asked; `pauseMs` makes it slower. */
export class PlainPath implements SearchPath {
  readonly id: PathId
  readonly exact = true
  readonly batchSize: number
  /** First value of every query, in the order they came. */
  readonly asked: number[] = []
  readonly used: Variant[] = []
  readonly #dataset: Dataset
  readonly #k: number
  readonly #pauseMs: number

  constructor(
    dataset: Dataset,
    k: number,
    {
      id = 'addon-exact',
      batchSize = 1,
      pauseMs = 0,
    }: { id?: PathId; batchSize?: number; pauseMs?: number } = {},
  ) {
    this.#dataset = dataset
    this.#k = k
    this.id = id
    this.batchSize = batchSize
    this.#pauseMs = pauseMs
  }

  async isAvailable() {
    return { available: true as const }
  }

  async prepare() {
    return [{ variant: {} }]
  }

  async use(variant: Variant) {
    this.used.push(variant)
  }

  async search(queries: Float32Array): Promise<readonly Hits[]> {
    if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs))
    const { base, metric } = this.#dataset
    return Array.from({ length: queries.length / base.dims }, (_, i) => {
      const data = queries.slice(i * base.dims, (i + 1) * base.dims)
      this.asked.push(data[0]!)
      const one: Dataset = { ...this.#dataset, metric, queries: { data, rows: 1, dims: base.dims } }
      return Uint32Array.from(findNearest(one, 0, this.#k).ids)
    })
  }

  async explain() {
    return ''
  }

  async dispose() {
    this.asked.length = 0
  }
}

export const seeded = () => new Random(1)
