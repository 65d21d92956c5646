import type { Metric } from '#src/vectors/metric.js'

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function randomVectors(rows: number, dims: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed)
  return Float32Array.from({ length: rows * dims }, () => random() * 2 - 1)
}

/** Ties, zero vectors and rows far out among ordinary ones; of 710 rows and more. */
export function unevenVectors(rows: number, dims: number): Float32Array<ArrayBuffer> {
  const data = randomVectors(rows, dims, 1)
  data.copyWithin(300 * dims, 100 * dims, 160 * dims)
  data.fill(0, 500 * dims, 540 * dims)
  for (let i = 700 * dims; i < 710 * dims; i++) data[i]! *= 1e4
  return data
}

/** The definition of a distance: plain float64 loops from the first element to the last. */
export function distanceOf(metric: Metric, a: Float32Array, b: Float32Array): number {
  let dot = 0
  let aa = 0
  let bb = 0
  let squares = 0
  let sum = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!
    const y = b[i]!
    dot += x * y
    aa += x * x
    bb += y * y
    squares += (x - y) * (x - y)
    sum += Math.abs(x - y)
  }
  switch (metric) {
    case 'l2':
      return Math.sqrt(squares)
    case 'ip':
      return -dot
    case 'l1':
      return sum
    case 'cosine':
      return Math.min(2, Math.max(0, 1 - dot / Math.sqrt(aa * bb)))
  }
}

/** All rows, nearest first, ties by smaller id, NaN last; the first k of each query, row-major. */
export function searchByBruteForce(
  data: Float32Array,
  dims: number,
  metric: Metric,
  queries: Float32Array,
  k: number,
): { ids: number[]; distances: number[] } {
  const ids: number[] = []
  const distances: number[] = []
  for (let q = 0; q < queries.length; q += dims) {
    const query = queries.subarray(q, q + dims)
    const all = Array.from({ length: data.length / dims }, (_, id) => ({
      id,
      distance: distanceOf(metric, query, data.subarray(id * dims, (id + 1) * dims)),
    }))
    all.sort((a, b) => compareDistances(a.distance, b.distance) || a.id - b.id)
    for (const { id, distance } of all.slice(0, k)) {
      ids.push(id)
      distances.push(distance)
    }
  }
  return { ids, distances }
}

function compareDistances(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a - b
}
