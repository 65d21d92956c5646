import type { Matrix } from '../../datasets/dataset.js'
import type { Session } from '../server/session.js'
import type { OwnTable } from './table.js'

/** Rows that are asked for at once. */
const batchRows = 1000

/**
 * The rows that searches have returned, by a number of ours, with their vectors as far as these were fetched: a copy of
 * the few rows that recall is computed from, and not of the table.
 */
export class KnownRows {
  readonly #table: OwnTable
  readonly #numbers = new Map<string, number>()
  readonly #ids: string[] = []
  #fetched = 0
  #data = new Float32Array(0)

  constructor(table: OwnTable) {
    this.#table = table
  }

  /** The same for the same id. */
  readonly numberOf = (id: unknown): number => {
    const name = String(id)
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const number = this.#ids.length
    this.#ids.push(name)
    this.#numbers.set(name, number)
    return number
  }

  /** Row by row under their numbers; it grows with them. A row that is gone holds values that are no numbers. */
  get matrix(): Matrix {
    const { dims } = this.#table
    const data = () => this.#data
    const rows = () => this.#fetched
    return {
      dims,
      get data() {
        return data()
      },
      get rows() {
        return rows()
      },
    }
  }

  /** Fetches the vectors of rows that are new. */
  async fetch(session: Session): Promise<void> {
    const { relation, id, idType, vector, dims } = this.#table
    while (this.#fetched < this.#ids.length) {
      const first = this.#fetched
      const ids = this.#ids.slice(first, first + batchRows)
      const rows = await session.query<{ id: string; vector: string }>(
        `SELECT ${id}::text AS id, ${vector}::text AS vector FROM ${relation} WHERE ${id} = ANY($1::${idType}[])`,
        [ids],
        'fetching the vectors of rows that were found',
      )
      this.#grow((first + ids.length) * dims)
      this.#data.fill(Number.NaN, first * dims, (first + ids.length) * dims)
      for (const row of rows) this.#data.set(readVector(row.vector), this.#numbers.get(row.id)! * dims)
      this.#fetched = first + ids.length
    }
  }

  #grow(values: number): void {
    if (values <= this.#data.length) return
    const larger = new Float32Array(Math.max(values, 2 * this.#data.length))
    larger.set(this.#data)
    this.#data = larger
  }
}

/** `[1,0.5]` of vector and halfvec, whose decimals are those of the very value; `0110` of bits. */
export function readVector(text: string): Float32Array {
  if (text.startsWith('[')) return Float32Array.from(JSON.parse(text) as number[])
  return Float32Array.from(text, Number)
}
