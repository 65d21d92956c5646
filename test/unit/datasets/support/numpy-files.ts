import { inflateSync } from 'node:zlib'
import type { Rows } from '../vector-files.js'

const real: Rows = [
  [1, -2, 3],
  [0.5, 0.001, 255],
]
/** 0.001 as the nearest half. */
const halves: Rows = [real[0]!, [0.5, 1049 * 2 ** -20, 255]]
const ints: Rows = [
  [1, -2, 3],
  [300, -32768, 7],
]
const counts: Rows = [
  [1, 2, 3],
  [300, 65535, 7],
]

/**
 * Files as NumPy 2.4.6 writes them, deflated: `numpy.save` of `array.astype(type)`, of `numpy.asfortranarray(array)`, of a
 * transposed array, of a matrix, and `numpy.lib.format.write_array(file, array, version=(2, 0))`.
 */
const files: readonly [what: string, rows: Rows, deflated: string][] = [
  [
    '>f8',
    real,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2ahrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy77DwxgcABCMThwQGj7B1A6IMn30seVfxzyIQIAN1wk/Q==',
  ],
  [
    '>f4',
    real,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy77BgaGAwwMDA4ODAz2QNqqWSjfuZ6BAQAfZR+s',
  ],
  [
    '>f2',
    halves,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2akrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4bhgMMTgwWDCKS0T8Ar40eYg==',
  ],
  [
    '<f8',
    real,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2ahrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4GMPhgD6EZDkAoDgcI/cD+z8qPl3yTAiDyD/IdACULJPs=',
  ],
  [
    '<i2',
    ints,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mkrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy5Ghn//mRl0GBka2BkAtaoeIg==',
  ],
  [
    '>i2',
    ints,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2mkrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4Gxv//GJgZdRoYGNgBtuMeJA==',
  ],
  [
    '<i4',
    ints,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mirqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy5GBgaGf////2cG0jogTsP//+xACgBE2iIg',
  ],
  [
    '>i4',
    ints,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2mirqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4GBgbG/////wPSzECmzv//DUAmAzsASLkiIg==',
  ],
  [
    '<i8',
    ints,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy5GBgj49x8CmKF8HZhEA0ScHcoFAPMrKhw=',
  ],
  [
    '>i8',
    ints,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4GCGD8DwH/oHxmqLAORLgBKszADgD8Vioe',
  ],
  [
    '<u2',
    counts,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuU2qkrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy5GBiYGZgYdxv//2RkArdwdsQ==',
  ],
  [
    '>u4',
    counts,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuV2qirqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4GBgZGIGYCYmYgU4eB4f9/IJsdAP5DHbU=',
  ],
  [
    '<u8',
    counts,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuU2qhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy5GBghggtLMUFoHKvH/P4Rmh4oDAKqWHbc=',
  ],
  [
    '|b1',
    [
      [1, 0, 1],
      [0, 0, 1],
    ],
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBek2SorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy5GBkYGBkYAFEYbqA==',
  ],
  [
    'fortran <f4',
    real,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChIPKSpNBQoXZyQWpAK5GkY6CsaaOgq1CuQDLgaGBnsGBgYQPpAv1GzFwODgwMBQ7wwACUIffw==',
  ],
  [
    'transposed >f8',
    real,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBul2ahrqOgnpZfVFKUmBefX5SSChIPKSpNBQoXZyQWpAK5GkY6CsaaOgq1CuQDLvsPDGBg/wBCH2CA8gOSfC99XPnHgQPCd8iHKAAAUTsk0g==',
  ],
  [
    'version 2 fortran <f2',
    halves,
    'eNqb7BfqGxDJxFDCwMBQrZ6SWpxcpG6loG6TZqSuo6Cell9UUpSYF59flJIKEg8pKk0FChdnJBakArkaRjoKxpo6CrUK5AIuBhsGC4YDkiIMTj+iAWsEHfQ=',
  ],
  [
    'one column',
    [[1], [2]],
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgqGmjoKtQpkAy4GhgZ7BgYGBwA1yxxp',
  ],
  [
    'matrix',
    real,
    'eNqb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4GhgZ7BgaGAwwMDg5A2j5fqNmKgaHeGQAYCx+q',
  ],
]

export const numpyFiles = files.map(([what, rows, deflated]) => {
  return { what, rows, content: inflateSync(Buffer.from(deflated, 'base64')) }
})
