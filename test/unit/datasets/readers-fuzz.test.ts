import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readIds, readVectors } from '#src/datasets/readers/list.js'
import { SimdgresError } from '#src/errors.js'
import { Random } from '#src/stats/random.js'
import { tempFolder } from './temp-folder.js'
import { encodeBin, encodeNpy, encodeVecs, encodings } from './vector-files.js'

const seed = 20_261_124
const mutationsPerFormat = 1000
const { f64, f32, i32, u8, i8 } = encodings
const rows = Array.from({ length: 6 }, (_, row) => Array.from({ length: 5 }, (_, i) => row * 7 + i))

const formats = [
  ['fvecs', encodeVecs(rows, f32)],
  ['ivecs', encodeVecs(rows, i32)],
  ['bvecs', encodeVecs(rows, u8)],
  ['fbin', encodeBin(rows, f32)],
  ['u8bin', encodeBin(rows, u8)],
  ['i8bin', encodeBin(rows, i8)],
  ['npy', encodeNpy(rows, "'<f4'", f32)],
  ['v2.npy', encodeNpy(rows, "'<f8'", f64, { version: 2 })],
] as const

/** Numbers that lengths and counts go wrong with. */
const badNumbers = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

function mutate(original: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original)
  for (let changes = 1 + random.below(3); changes > 0 && bytes.length > 4; changes--) {
    // Half of the changes hit the header, where they matter most.
    const at = random.below(random.below(2) === 0 ? Math.min(bytes.length - 4, 100) : bytes.length - 4)
    const kind = random.below(5)
    if (kind === 0) bytes[at] = random.below(256)
    else if (kind === 1) bytes.writeUInt32LE(badNumbers[random.below(badNumbers.length)]!, at)
    else if (kind === 2) bytes = bytes.subarray(0, random.below(bytes.length))
    else if (kind === 3) bytes = Buffer.concat([bytes, bytes.subarray(at)])
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(4))])
  }
  return bytes
}

test.each(formats)(
  `%s: mutations of seed ${seed} give finite vectors or a SimdgresError`,
  async (name, original) => {
    const random = new Random(seed)
    const path = join(tempFolder(), `x.${name}`)
    const read = name === 'ivecs' ? readIds : readVectors
    let refused = 0
    for (let count = 0; count < mutationsPerFormat; count++) {
      const bytes = mutate(original, random)
      writeFileSync(path, bytes)
      try {
        const { data, rows: found, dims } = await read(path)
        expect(data.length).toBe(found * dims)
        // A value takes at least one byte of the file, so memory cannot outgrow it.
        expect(data.length).toBeLessThanOrEqual(bytes.length)
        expect(data.every((value) => Number.isFinite(value))).toBe(true)
      } catch (error) {
        expect(error, bytes.toString('hex')).toBeInstanceOf(SimdgresError)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(mutationsPerFormat / 4)
  },
)
