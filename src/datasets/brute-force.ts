import type { Dataset } from './dataset.js'
import { distanceAt } from './distance.js'

/** Base rows nearest to one query, nearest first, ties by smaller id. */
export interface Neighbours {
  readonly ids: Uint32Array
  readonly distances: Float64Array
}

/** The k nearest base rows of query `query`, found by computing every distance in float64. */
export function findNearest({ metric, base, queries }: Dataset, query: number, k: number): Neighbours {
  const { data, rows, dims } = base
  const distance = distanceAt[metric]
  const ids = new Uint32Array(k)
  const distances = new Float64Array(k).fill(Number.POSITIVE_INFINITY)
  for (let id = 0; id < rows; id++) {
    const found = distance(queries.data, query * dims, data, id * dims, dims)
    // Ids rise, so an equal distance never goes before one that is there.
    if (found < distances[k - 1]!) insert(ids, distances, id, found)
  }
  return { ids, distances }
}

/** Puts one neighbour into its place and drops the last one. */
function insert(ids: Uint32Array, distances: Float64Array, id: number, distance: number): void {
  let at = ids.length - 1
  while (at > 0 && distances[at - 1]! > distance) {
    ids[at] = ids[at - 1]!
    distances[at] = distances[at - 1]!
    at--
  }
  ids[at] = id
  distances[at] = distance
}
