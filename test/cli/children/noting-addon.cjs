// The real addon, which notes on stderr each time that it reads 512 MiB to measure the bandwidth, and each search.
const addon = require('../../../build/Release/simdgres.node')

let searches = 0
module.exports = {
  ...addon,
  startSearch(...request) {
    searches++
    return addon.startSearch(...request)
  },
  measureReadBandwidth() {
    process.stderr.write(`bandwidth after ${searches} searches\n`)
    return addon.measureReadBandwidth()
  },
}
