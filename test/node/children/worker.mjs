// A worker that searches, and tells its parent what it found; other kinds are ended by it meanwhile.
import { parentPort, workerData } from 'node:worker_threads'
import { VectorSet } from '#src/vectors/vector-set.js'

const { data, dims, kind, path } = workerData
const set = path ? await VectorSet.open(path) : VectorSet.from(data, { dims, metric: 'l1' })
const queries = path ? workerData.queries : data.subarray(0, 3 * dims)

switch (kind) {
  case 'linger':
    for (let i = 0; i < 20; i++) void set.search(data, { k: 5, threads: 2 })
    parentPort.postMessage('searching')
    break
  case 'chain':
    parentPort.postMessage('searching')
    for (;;) await set.search(queries, { k: 2, threads: 1 })
  case 'sync':
    parentPort.postMessage('searching')
    for (;;) set.searchSync(queries, { k: 2, threads: 1 })
  default: {
    const found = await set.search(queries, { k: 1, threads: 2 })
    parentPort.postMessage([...found.ids])
  }
}
