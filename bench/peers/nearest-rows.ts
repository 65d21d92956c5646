/** The k nearest of rows that are offered one by one: insertion into a sorted list, which few rows reach. */
export class NearestRows {
  readonly #distances: Float64Array
  readonly ids: Uint32Array

  constructor(k: number) {
    this.#distances = new Float64Array(k).fill(Number.POSITIVE_INFINITY)
    this.ids = new Uint32Array(k)
  }

  offer(id: number, distance: number): void {
    const distances = this.#distances
    let place = distances.length - 1
    if (!(distance < distances[place]!)) return
    for (; place > 0 && distances[place - 1]! > distance; place--) {
      distances[place] = distances[place - 1]!
      this.ids[place] = this.ids[place - 1]!
    }
    distances[place] = distance
    this.ids[place] = id
  }
}
