// Exact search in Node, without a server: the addon holds the vectors and threads of its own search them.
import { SimdgresError, VectorSet } from 'simdgres'

const dims = 384
const rows = 20_000

// Your embeddings come from a model; these are random. One Float32Array, one row after the other.
const embeddings = Float32Array.from({ length: rows * dims }, () => Math.random() - 0.5)

const set = VectorSet.from(embeddings, { dims, metric: 'cosine' })

// One query: row 7 is nearest to itself.
const query = embeddings.subarray(7 * dims, 8 * dims)
const { ids, distances } = await set.search(query, { k: 3 })
console.log(`nearest row: ${ids[0]}, distance ${distances[0]!.toFixed(3)}`)

// Several queries in one call share every row that is read: much cheaper than one call for each.
const k = 3
const batch = await set.search(embeddings.subarray(0, 10 * dims), { k, threads: 2 })
for (let i = 0; i < 10; i++)
  console.log(`query ${i}: rows ${batch.ids.subarray(i * k, (i + 1) * k).join(', ')}`)

// A search that nobody waits for any more is stopped; the event loop was free all the time.
const giveUp = AbortSignal.timeout(0)
try {
  await set.search(embeddings.subarray(0, 2000 * dims), { k, signal: giveUp })
} catch (error) {
  if (!(error instanceof SimdgresError)) throw error
  console.log(`given up: ${error.code}`)
}

// Frees the memory at once; the garbage collector would do it later.
set.close()
