// The real addon, except that a search for one query forgets the nearest row: what a defect of a kernel would do.
// Batches are right, so that the ground truth, which asks for many queries at once, is.
const addon = require('../../../build/Release/simdgres.node')

module.exports = {
  ...addon,
  startSearch(set, queries, k, threads) {
    const { done, token } = addon.startSearch(set, queries, k + 1, threads)
    const count = (found) => found.ids.length / (k + 1)
    const skip = (values, found) => {
      const isSingle = count(found) === 1
      const kept = Array.from({ length: count(found) }, (_, i) => {
        const first = i * (k + 1) + (isSingle ? 1 : 0)
        return Array.from(values.subarray(first, first + k))
      })
      return values.constructor.from(kept.flat())
    }
    return {
      token,
      done: done.then(
        (found) => found && { ids: skip(found.ids, found), distances: skip(found.distances, found) },
      ),
    }
  },
}
