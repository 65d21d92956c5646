// Opens set files whose bytes were changed at random, most of them with checksums that are right again, and searches what
// opens. argv: folder, seed, files. An error that has no code ends it with code 1; a fault of memory with a signal.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { metrics } from '#src/vectors/metric.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { createRandom } from './random.mjs'

const [folder, ...numbers] = process.argv.slice(2)
const [seed, files] = numbers.map(Number)
const page = 4096

const { random, below, pick } = createRandom(seed)

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0)
  return rest
})
function crc32c(bytes) {
  let rest = ~0
  for (const byte of bytes) rest = (rest >>> 8) ^ table[(rest ^ byte) & 0xff]
  return ~rest >>> 0
}

const shapes = metrics.flatMap((metric) =>
  [20, 150].flatMap((dims) => [
    { metric, dims },
    { metric, dims, codes: 'levels' },
  ]),
)
const originals = []
for (const shape of shapes) {
  const rows = 560 + below(60)
  const data = Float32Array.from({ length: rows * shape.dims }, () => random() - 0.5)
  const set = VectorSet.from(data, shape)
  const path = join(folder, `original-${originals.length}`)
  await set.save(path)
  set.close()
  originals.push({ shape, queries: data.slice(0, 3 * shape.dims), bytes: readFileSync(path) })
}

const sections = (bytes) =>
  Array.from({ length: 8 }, (_, kind) => {
    const entry = 64 + 32 * kind
    return {
      entry,
      offset: Number(bytes.readBigUInt64LE(entry + 8)),
      length: Number(bytes.readBigUInt64LE(entry + 16)),
    }
  })

const odd = [0, 1, 2, 31, 32, 255, 4096, 65536, 2 ** 31, 2 ** 32 - 1]

const flip = (bytes, at) => {
  bytes[at] ^= 1 << below(8)
}

function changeHeader(bytes) {
  const at = pick([4 * below(16), 16 + 4 * below(12), 64 + 8 * below(32)])
  pick([
    () => bytes.writeUInt32LE(random() < 0.5 ? pick(odd) : below(2 ** 32), at),
    () => bytes.writeBigUInt64LE(BigInt(pick([...odd, bytes.length, 2 ** 52])), at & ~7),
    () => flip(bytes, at + below(4)),
  ])()
}

function changeSection(bytes, { offset, length }) {
  if (length === 0) return
  const most = Math.min(length, bytes.length - offset)
  // What steers a search lies at the beginning of the model.
  const at = offset + (random() < 0.5 ? below(Math.min(most, 80)) : below(most))
  if (random() < 0.4) flip(bytes, at)
  else if (at + 4 <= offset + most)
    if (random() < 0.5)
      bytes.writeFloatLE(pick([Number.NaN, Infinity, -1, 1e30, -1e38, 1e-40, 2 ** 60]), at & ~3)
    else bytes.writeUInt32LE(random() < 0.5 ? pick(odd) : below(2 ** 32), at & ~3)
}

const counts = { files: 0, refused: 0, searched: 0 }
const path = join(folder, 'changed')
for (; counts.files < files; counts.files++) {
  const { shape, queries, bytes: whole } = pick(originals)
  let bytes = Buffer.from(whole)
  const places = sections(bytes)
  for (let changes = 1 + below(3); changes > 0; changes--) {
    if (random() < 0.4) changeHeader(bytes)
    else changeSection(bytes, random() < 0.5 ? places[3] : pick(places))
  }
  if (random() < 0.05) bytes = bytes.subarray(0, pick([below(bytes.length), page, bytes.length - page]))
  if (random() < 0.9 && bytes.length >= page) {
    for (const { entry, offset, length } of places) {
      if (length > 0 && offset + length <= bytes.length)
        bytes.writeUInt32LE(crc32c(bytes.subarray(offset, offset + length)), entry + 4)
    }
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, page - 4)), page - 4)
  }
  writeFileSync(path, bytes)
  try {
    const set = VectorSet.openSync(path, { verify: random() < 0.3 })
    try {
      const length = set.dims * (1 + below(3))
      const asked =
        length <= queries.length ? queries.subarray(0, length) : new Float32Array(length).fill(0.1)
      const found = set.searchSync(asked, { k: pick([1, 10, 300]), threads: 1 + below(2) })
      if (found.ids.some((id) => id >= set.rows))
        throw new Error(`an id beyond ${set.rows} rows: ${found.ids}`)
      set.searchRadiusSync(asked, { radius: pick([0, 1, 30]), limit: 100 })
      counts.searched++
    } finally {
      set.close()
    }
  } catch (error) {
    if (!['ERR_CORRUPT_DATA', 'ERR_UNAVAILABLE'].includes(error?.code))
      throw new Error(
        `file ${counts.files} of ${JSON.stringify(shape)}, seed ${seed}: an error without a reason`,
        {
          cause: error,
        },
      )
    counts.refused++
  }
}
process.stdout.write(JSON.stringify(counts))
