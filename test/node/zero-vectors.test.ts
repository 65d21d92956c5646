import { expect, it } from 'vitest'
import { VectorSet } from '#src/vectors/vector-set.js'
import { randomVectors, searchByBruteForce, seededRandom } from './oracle.js'

const dims = 16
const rows = 6000

it.each([0.5, 0.999, 1])('%d of zero vectors under cosine: exact, and few are measured', (share) => {
  const random = seededRandom(1)
  const data = randomVectors(rows, dims, 2)
  for (let row = 0; row < rows; row++) if (random() < share) data.fill(0, row * dims, (row + 1) * dims)
  const left = Array.from({ length: rows }, (_, row) => row).filter((row) => data[row * dims] !== 0).length
  using set = VectorSet.from(data, { dims, metric: 'cosine' })
  const queries = new Float32Array([...randomVectors(3, dims, 3), ...new Float32Array(dims)])
  for (const k of [1, 10, rows]) {
    for (const threads of [1, 2]) {
      const expected = searchByBruteForce(data, dims, 'cosine', queries, k)
      const found = set.searchSync(queries, { k, threads })
      expect([...found.ids]).toEqual(expected.ids)
      expect([...found.distances]).toEqual(expected.distances)
    }
  }
  // As many as ever where fewer than k rows have a direction.
  const { exact } = set.searchSync(queries.subarray(0, dims), { k: 10 }).stats
  if (left > 10) expect(exact).toBeLessThan(600)
})
