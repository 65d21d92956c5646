// Prints what a search within a radius finds, for comparison between instruction sets. argv: metric, codes
import { capabilities } from '#src/vectors/capabilities.js'
import { VectorSet } from '#src/vectors/vector-set.js'

const dims = 75
let state = 12345
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 31 - 1
}
const data = Float32Array.from({ length: 3000 * dims }, random)
const queries = Float32Array.from({ length: 6 * dims }, random)
const [metric, codes] = process.argv.slice(2)
const set = VectorSet.from(data, { dims, metric, codes })
const radius = { l2: 6.3, cosine: 0.8, ip: -4, l1: 45 }[metric]
const { ids, distances, offsets } = await set.searchRadius(queries, { radius, threads: 2 })
process.stdout.write(
  JSON.stringify({
    isa: capabilities().isa,
    ids: [...ids],
    distances: [...distances],
    offsets: [...offsets],
  }),
)
