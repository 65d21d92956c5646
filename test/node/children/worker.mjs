// A worker that searches, and tells its parent what it found; with `linger`, one that is ended meanwhile.
import { parentPort, workerData } from 'node:worker_threads'
import { VectorSet } from '#src/vectors/vector-set.js'

const { data, dims, linger } = workerData
const set = VectorSet.from(data, { dims, metric: 'l1' })
if (linger) {
  for (let i = 0; i < 20; i++) void set.search(data, { k: 5, threads: 2 })
  parentPort.postMessage('searching')
} else {
  const found = await set.search(data.subarray(0, 3 * dims), { k: 1, threads: 2 })
  parentPort.postMessage([...found.ids])
}
