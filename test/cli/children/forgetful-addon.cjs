// The real addon, except that a search for one query forgets the nearest row: what a defect of a kernel would do.
// Batches are right, so that the ground truth, which asks for many queries at once, is.
const addon = require('../../../build/Release/simdgres.node')

/** A result with one neighbour too many for each query. */
class Longer {
  constructor(result, k) {
    this.result = result
    this.count = (result.count / (k + 1)) * k
    this.stats = result.stats
    this.k = k
  }
}

module.exports = {
  ...addon,
  startSearch(set, queries, k, threads) {
    const { done, token } = addon.startSearch(set, queries, k + 1, threads)
    return { token, done: done.then((result) => result && new Longer(result, k)) }
  },
  takeResult(found, ids, distances) {
    if (!(found instanceof Longer)) return addon.takeResult(found, ids, distances)
    const { result, k } = found
    const count = ids.length / k
    const longIds = new Uint32Array(count * (k + 1))
    const longDistances = new Float64Array(count * (k + 1))
    addon.takeResult(result, longIds, longDistances)
    for (let query = 0; query < count; query++) {
      const first = query * (k + 1) + (count === 1 ? 1 : 0)
      ids.set(longIds.subarray(first, first + k), query * k)
      distances.set(longDistances.subarray(first, first + k), query * k)
    }
  },
}
