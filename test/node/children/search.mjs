// Prints what a search finds, for comparison between instruction sets. argv: metric, codes
import { capabilities } from '#src/vectors/capabilities.js'
import { VectorSet } from '#src/vectors/vector-set.js'

const dims = 75
let state = 12345
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 31 - 1
}
const data = Float32Array.from({ length: 5000 * dims }, random)
const queries = Float32Array.from({ length: 20 * dims }, random)
const set = VectorSet.from(data, { dims, metric: process.argv[2], codes: process.argv[3] })
const one = set.searchSync(queries.subarray(0, dims), { k: 10 })
const many = await set.search(queries, { k: 10, threads: 2 })
process.stdout.write(
  JSON.stringify({
    isa: capabilities().isa,
    ids: [...one.ids, ...many.ids],
    distances: [...one.distances, ...many.distances],
  }),
)
