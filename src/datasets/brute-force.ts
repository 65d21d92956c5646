import type { Dataset } from './dataset.js'
import { distanceAt } from './distance.js'

/** The base rows nearest to one query, nearest first, the smaller id first among equals. */
export interface Neighbours {
  readonly ids: Uint32Array
  readonly distances: Float64Array
}

/** Finds the k base rows nearest to query number `query` by computing every distance in float64. */
export function findNearest({ metric, base, queries }: Dataset, query: number, k: number): Neighbours {
  const { data, rows, dims } = base
  const distance = distanceAt[metric]
  const ids = new Uint32Array(k)
  const distances = new Float64Array(k).fill(Number.POSITIVE_INFINITY)
  for (let id = 0; id < rows; id++) {
    const found = distance(queries.data, query * dims, data, id * dims, dims)
    // Ids ascend, so an equal distance never goes ahead of one that is already there.
    if (found < distances[k - 1]!) insert(ids, distances, id, found)
  }
  return { ids, distances }
}

/** Inserts a neighbour in its place and drops the last one. */
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
