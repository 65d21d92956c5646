import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { halfToNumber, roundToHalves } from '#src/datasets/readers/half-precision.js'
import { readIds, readVectors, vectorExtensions } from '#src/datasets/readers/list.js'
import { numpyFiles } from './support/numpy-files.js'
import { tempFolder } from './temp-folder.js'
import { encodeBin, encodeNpy, encodeVecs, encodings, type Rows } from './vector-files.js'

const { f64, f32, i32, u16, i8, u8 } = encodings
const real: Rows = [
  [0.5, -1.25, 3e30],
  [1, 2, 3],
  [-0.1, 1e-40, 0],
]
const bytes: Rows = [
  [0, 1, 255],
  [127, 128, 3],
]
const signed: Rows = [
  [0, -1, -128],
  [127, 1, 3],
]

function write(name: string, content: Buffer): string {
  const path = join(tempFolder(), name)
  writeFileSync(path, content)
  return path
}

const asF32 = (rows: Rows) => Float32Array.from(rows.flat())

describe('what is written is read', () => {
  test.each([
    ['x.fvecs', encodeVecs(real, f32), real],
    ['x.bvecs', encodeVecs(bytes, u8), bytes],
    ['x.fbin', encodeBin(real, f32), real],
    ['x.u8bin', encodeBin(bytes, u8), bytes],
    ['x.i8bin', encodeBin(signed, i8), signed],
    ['f4.npy', encodeNpy(real, "'<f4'", f32), real],
    ['f8.npy', encodeNpy(real, "'<f8'", f64), real],
    ['u1.npy', encodeNpy(bytes, "'|u1'", u8), bytes],
    ['i1.npy', encodeNpy(signed, "'|i1'", i8), signed],
    ['v2.npy', encodeNpy(real, "'<f4'", f32, { version: 2 }), real],
    ['v3.npy', encodeNpy(real, "'<f4'", f32, { version: 3 }), real],
    ['UPPER.FVECS', encodeVecs(real, f32), real],
  ])('%s', async (name, content, rows) => {
    const matrix = await readVectors(write(name, content))
    expect([matrix.rows, matrix.dims]).toEqual([rows.length, 3])
    expect(matrix.data).toEqual(asF32(rows))
  })

  test.each(numpyFiles)('.npy of NumPy: $what', async ({ rows, content }) => {
    const matrix = await readVectors(write('numpy.npy', content))
    expect([matrix.rows, matrix.dims]).toEqual([rows.length, rows[0]!.length])
    expect(matrix.data).toEqual(asF32(rows))
    // numpy.save of an open file adds no extension.
    expect((await readVectors(write('numpy', content))).data).toEqual(asF32(rows))
  })

  test('.npy with a header in double quotes, as NumPy reads it too', async () => {
    const content = encodeNpy(real, "'<f4'", f32)
    const header = content.subarray(0, 128).toString('latin1').replaceAll("'", '"')
    const quoted = Buffer.concat([Buffer.from(header, 'latin1'), content.subarray(128)])
    expect((await readVectors(write('quoted.npy', quoted))).data).toEqual(asF32(real))
  })

  test('.npy in Fortran order, of many chunks that end inside columns', async () => {
    const [rows, dims] = [70_001, 21]
    const columns = Float32Array.from(
      { length: rows * dims },
      (_, i) => (i % rows) * dims + Math.floor(i / rows),
    )
    const empty = encodeNpy([], "'<f4'", f32, { shape: `(${rows}, ${dims})`, order: 'True' })
    const { data } = await readVectors(write('big.npy', Buffer.concat([empty, Buffer.from(columns.buffer)])))
    expect(data.every((value, index) => value === index)).toBe(true)
  })

  test('ids of .ivecs stay integers past 2^24', async () => {
    const ids = await readIds(
      write(
        'x.ivecs',
        encodeVecs(
          [
            [16_777_217, -1],
            [2 ** 31 - 1, 0],
          ],
          i32,
        ),
      ),
    )
    expect(ids).toEqual({ data: Int32Array.of(16_777_217, -1, 2 ** 31 - 1, 0), rows: 2, dims: 2 })
  })

  test('half precision: zero, subnormal, one, largest, negative', async () => {
    const halves = [[0x0000, 0x0001, 0x3c00, 0x7bff, 0xc000]]
    const { data } = await readVectors(write('h.npy', encodeNpy(halves, "'<f2'", u16)))
    expect(data).toEqual(Float32Array.of(0, 2 ** -24, 1, 65504, -2))
    expect([halfToNumber(0x7c00), halfToNumber(0xfc00), halfToNumber(0x7e00)]).toEqual([
      Infinity,
      -Infinity,
      NaN,
    ])
  })

  test('rounding to half precision: every half stays, and what lies between two goes to the nearest, ties to even', () => {
    const halves = Float32Array.from({ length: 0x7c00 }, (_, bits) => halfToNumber(bits))
    const rounded = (values: Float32Array) => {
      roundToHalves(values)
      return values
    }
    expect(rounded(halves.slice())).toEqual(halves)
    expect(rounded(halves.map((value) => -value))).toEqual(halves.map((value) => -value))
    const between = (part: number) =>
      Float32Array.from(halves.subarray(1), (value, below) => {
        return halves[below]! + part * (value - halves[below]!)
      })
    expect(rounded(between(0.499))).toEqual(halves.subarray(0, -1))
    expect(rounded(between(0.501))).toEqual(halves.subarray(1))
    expect(rounded(between(0.5))).toEqual(
      Float32Array.from({ length: 0x7bff }, (_, below) => halves[below + (below % 2)]!),
    )
    expect(rounded(Float32Array.of(65519, 65520, -1e10))).toEqual(Float32Array.of(65504, Infinity, -Infinity))
  })

  test('a file of many chunks, in every row', async () => {
    const dims = 1000
    const rows = Array.from({ length: 2500 }, (_, row) =>
      Array.from({ length: dims }, (_, i) => row * dims + i),
    )
    const { data } = await readVectors(write('big.fvecs', encodeVecs(rows, f32)))
    expect(data.every((value, index) => value === index)).toBe(true)
  })
})

describe('damage is named with file, place, expectation and finding', () => {
  const good = {
    fvecs: encodeVecs(real, f32),
    fbin: encodeBin(real, f32),
    npy: encodeNpy(real, "'<f4'", f32),
  }
  const edit = (content: Buffer, change: (bytes: Buffer) => void) => {
    const copy = Buffer.from(content)
    change(copy)
    return copy
  }
  test.each([
    [
      'cut.fvecs',
      good.fvecs.subarray(0, -1),
      /byte 47: expected 48 bytes for 3 rows of 3 f32 values, found 47 bytes/,
    ],
    [
      'empty.fvecs',
      Buffer.alloc(0),
      /byte 0: expected 4 bytes of dims of row 0, found the end of the file at 0/,
    ],
    [
      'dims.fvecs',
      edit(good.fvecs, (b) => b.writeInt32LE(2, 16)),
      /byte 16: expected 3 dims of row 1.*found 2/,
    ],
    [
      'negative.fvecs',
      edit(good.fvecs, (b) => b.writeInt32LE(-3, 0)),
      /byte 0: expected 1 to 65536 dims, found -3/,
    ],
    ['zero.fvecs', edit(good.fvecs, (b) => b.writeInt32LE(0, 0)), /expected 1 to 65536 dims, found 0/],
    [
      'huge.bvecs',
      edit(good.fvecs, (b) => b.writeInt32LE(2 ** 31 - 1, 0)),
      /1 to 65536 dims, found 2147483647/,
    ],
    [
      'cut.fbin',
      good.fbin.subarray(0, -1),
      /byte 43: expected 44 bytes for 3 rows of 3 f32 values, found 43 bytes/,
    ],
    [
      'more.fbin',
      Buffer.concat([good.fbin, Buffer.alloc(1)]),
      /byte 44: expected 44 bytes .*, found 45 bytes/,
    ],
    ['rows.fbin', edit(good.fbin, (b) => b.writeUInt32LE(2 ** 32 - 1, 0)), /4294967295 rows of 3 f32/],
    ['none.fbin', edit(good.fbin, (b) => b.writeUInt32LE(0, 0)), /byte 0: expected at least 1 row, found 0/],
    [
      'dims.fbin',
      edit(good.fbin, (b) => b.writeUInt32LE(70_000, 4)),
      /byte 4: expected 1 to 65536 dims, found 70000/,
    ],
    [
      'short.fbin',
      good.fbin.subarray(0, 7),
      /expected 8 bytes of rows and dims, found the end of the file at 7/,
    ],
    ['type.u8bin', good.fbin, /byte 17: expected 17 bytes for 3 rows of 3 u8 values, found 44 bytes/],
    ['magic.npy', edit(good.npy, (b) => b.write('PK')), /byte 0: expected "\x93NUMPY", found "PK/],
    ['version.npy', edit(good.npy, (b) => b.writeUInt8(4, 6)), /byte 6: expected version 1, 2 or 3, found 4/],
    [
      'cut.npy',
      good.npy.subarray(0, -1),
      /byte 163: expected 164 bytes for 3 rows of 3 f32 values, found 163 bytes/,
    ],
    ['header.npy', good.npy.subarray(0, 60), /bytes of header, found the end of the file at 60/],
    ['twice.npy', Buffer.concat([good.npy, good.npy]), /expected 164 bytes .*, found 328 bytes/],
    [
      'long.npy',
      edit(encodeNpy(real, "'<f4'", f32, { version: 2 }), (b) => b.writeUInt32LE(2 ** 31, 8)),
      /at most 65536/,
    ],
    ['descr.npy', edit(good.npy, (b) => b.write('{}', 10)), /byte 10: expected a header with descr/],
    [
      'nan.fvecs',
      encodeVecs(
        [
          [1, 2],
          [3, NaN],
        ],
        f32,
      ),
      /NaN in row 1, dimension 1: expected a finite f32 value/,
    ],
    [
      'inf.npy',
      encodeNpy(
        [
          [1, 2],
          [3, 1e300],
        ],
        "'<f8'",
        f64,
      ),
      /Infinity in row 1, dimension 1/,
    ],
  ])('%s', async (name, content, message) => {
    const path = write(name, content)
    const error = await readVectors(path).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'SimdgresError', code: 'ERR_CORRUPT_DATA' })
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain(path)
  })

  test.each([
    ['complex.npy', encodeNpy(real, "'<c8'", f64), /values of type '<c8'/],
    ['record.npy', encodeNpy(real, "[('a', '<f4')]", f32), /values of type a record/],
    ['flat.npy', encodeNpy(real, "'<f4'", f32, { shape: '(9,)' }), /an array of 1 dimensions/],
    ['cube.npy', encodeNpy(real, "'<f4'", f32, { shape: '(1, 3, 3)' }), /an array of 3 dimensions/],
    [
      'long-double.npy',
      encodeNpy(real, "'<f16'", f64),
      /values of type '<f16': expected numbers of the types f8, f4, f2/,
    ],
    [
      'none.npy',
      encodeNpy([], "'<f4'", f32, { shape: '(0, 512)' }),
      /0 rows of 512 dims: expected 1 to \d+ rows/,
    ],
    [
      'wide.npy',
      encodeNpy([], "'<f4'", f32, { shape: '(1, 70000)' }),
      /1 rows of 70000 dims: expected .* 1 to 65536 dims/,
    ],
  ])('%s is sound, but not what is needed', async (name, content, message) => {
    const error = await readVectors(write(name, content)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', hint: expect.stringContaining('numpy.save') })
    expect((error as Error).message).toMatch(message)
  })
})

describe('what is not a file of vectors', () => {
  test('a missing file, a folder, a pipe, another extension, ids for vectors', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'folder.npy'))
    execFileSync('mkfifo', [join(folder, 'pipe.fvecs')])
    writeFileSync(join(folder, 'x.csv'), '1,2')
    writeFileSync(join(folder, 'x.ivecs'), encodeVecs([[1]], i32))
    const cases = [
      ['missing.fvecs', /There is no such file \(ENOENT\) while reading .*missing.fvecs/],
      ['folder.npy', /Expected the path of a regular file/],
      ['pipe.fvecs', /Expected the path of a regular file/],
      ['x.csv', /Expected a file of vectors that ends in \.fvecs, \.bvecs/],
      ['x.ivecs', /Expected a file of vectors that ends in \.fvecs, \.bvecs/],
    ] as const
    for (const [name, message] of cases) {
      const error = await readVectors(join(folder, name)).catch((thrown: unknown) => thrown)
      expect(error, name).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      expect((error as Error).message).toMatch(message)
    }
    await expect(readIds(join(folder, 'x.csv'))).rejects.toThrow(/a file of ids that ends in \.ivecs/)
    expect(vectorExtensions).not.toContain('.ivecs')
  })

  test('more vectors than this machine has memory for', async () => {
    const header = Buffer.alloc(8)
    header.writeUInt32LE(2 ** 32 - 1, 0)
    header.writeUInt32LE(60_000, 4)
    const path = write('sparse.u8bin', header)
    truncateSync(path, 8 + 1e6)
    await expect(readVectors(path)).rejects.toMatchObject({ code: 'ERR_CORRUPT_DATA' })
    header.writeUInt32LE(3_000_000, 0)
    writeFileSync(path, header)
    // Sparse: 180 GB of zeros that take no room on the disk.
    truncateSync(path, 8 + 3_000_000 * 60_000)
    await expect(readVectors(path)).rejects.toMatchObject({ code: 'ERR_RESOURCE' })
  })

  test('an abort stops reading', async () => {
    const path = write('x.fvecs', encodeVecs(real, f32))
    await expect(readVectors(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    })
  })
})
