import { findNearest } from '#src/datasets/brute-force.js'
import { hashDataset } from '#src/datasets/content-hash.js'
import type { Dataset, GroundTruth } from '#src/datasets/dataset.js'
import type { Lane } from '#src/measure/lane/lane.js'
import { closed } from '#src/measure/load/closed.js'
import type { Corpus, Design, Hits, PathFacts, Searcher, Variant } from '#src/paths/search-path.js'
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

export function truthOf(dataset: Dataset, k: number): GroundTruth {
  const ids = new Uint32Array(dataset.queries.rows * k)
  const distances = new Float64Array(dataset.queries.rows * k)
  for (let query = 0; query < dataset.queries.rows; query++) {
    const nearest = findNearest(dataset, query, k)
    ids.set(nearest.ids, query * k)
    distances.set(nearest.distances, query * k)
  }
  return { k, ids, distances }
}

export interface PlainOptions {
  readonly id?: string
  readonly searches?: boolean
  readonly batchSize?: number
  readonly design?: Design
  readonly variants?: readonly Variant[]
  /** Makes it slower. */
  readonly pauseMs?: number
  /** Searches after which each further one fails with this message. */
  readonly failure?: { readonly after: number; readonly error: Error }
}

/** Exact search by plain loops, which also keeps what it was asked. */
export class PlainCorpus implements Corpus {
  readonly path: PathFacts
  readonly design: Design
  /** First value of every query, in the order they came. */
  readonly asked: number[] = []
  /** Variants that were opened, and searchers that are open. */
  readonly opened: Variant[] = []
  open = async (variant: Variant): Promise<Searcher> => this.#open(variant)
  openCount = 0
  /** Most searches that were under way at once. */
  mostAtOnce = 0
  #atOnce = 0
  readonly #dataset: Dataset
  readonly #k: number
  readonly #options: PlainOptions

  constructor(dataset: Dataset, k: number, options: PlainOptions = {}) {
    const { id = 'addon-exact', searches = true, batchSize = 1, design = {} } = options
    this.path = {
      id,
      exact: true,
      needsServer: false,
      batchSize,
      searches,
      scans: batchSize === 1 && searches,
      arithmetic: 'float64',
    }
    this.design = design
    this.#dataset = dataset
    this.#k = k
    this.#options = options
  }

  variants(): readonly Variant[] {
    return this.#options.variants ?? [{}]
  }

  async dispose(): Promise<void> {
    this.asked.length = 0
  }

  async #open(variant: Variant): Promise<Searcher> {
    this.opened.push(variant)
    this.openCount++
    return {
      settings: { jit: 'off' },
      search: (queries) => this.#search(queries),
      explain: async () => undefined,
      close: async () => {
        this.openCount--
      },
    }
  }

  async #search(queries: Float32Array): Promise<readonly Hits[]> {
    const { failure, pauseMs = 0 } = this.#options
    if (failure !== undefined && this.asked.length >= failure.after) throw failure.error
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    this.#atOnce--
    const { base } = this.#dataset
    return Array.from({ length: queries.length / base.dims }, (_, i) => {
      const data = queries.slice(i * base.dims, (i + 1) * base.dims)
      this.asked.push(data[0]!)
      const one: Dataset = { ...this.#dataset, queries: { data, rows: 1, dims: base.dims } }
      return Uint32Array.from(findNearest(one, 0, this.#k).ids)
    })
  }
}

export function laneOf(corpus: Corpus, extra: Partial<Lane> = {}): Lane {
  return { arm: 'bench', corpus, variant: {}, load: closed(1), ...extra }
}

export const seeded = () => new Random(1)
