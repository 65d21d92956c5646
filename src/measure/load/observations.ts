import type { Hits } from '../../paths/search-path.js'
import type { Samples } from './load.js'
import type { QueryBatch } from './query-cursor.js'

/** The calls of one turn, as they end. */
export class Observations {
  readonly #times: number[] = []
  readonly #queryRows: number[] = []
  readonly #hits = new Map<number, Hits>()
  #count = 0

  /** @param ms of the whole call. */
  add(ms: number, { rows }: QueryBatch, hits: readonly Hits[]): void {
    this.#times.push(ms / rows.length)
    this.#queryRows.push(rows[0]!)
    this.#count += rows.length
    for (const [i, row] of rows.entries()) {
      if (!this.#hits.has(row)) this.#hits.set(row, hits[i]!)
    }
  }

  toSamples(wallMs: number): Samples {
    return {
      times: Float64Array.from(this.#times),
      queryRows: Uint32Array.from(this.#queryRows),
      count: this.#count,
      wallMs,
      hits: this.#hits,
    }
  }
}
