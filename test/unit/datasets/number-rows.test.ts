import { expect, test } from 'vitest'
import { NumberRows } from '#src/datasets/sources/number-rows.js'
import { Random } from '#src/stats/random.js'

function read(pieces: readonly Uint8Array[], maxLength = 8): number[][] {
  const rows: number[][] = []
  const scanner = new NumberRows(maxLength, (row, length) => rows.push([...row.subarray(0, length)]))
  for (const piece of pieces) scanner.push(piece)
  return rows
}

const vectors = {
  plain: [1, -2, 0.5, -0.038194],
  '"quoted\\"': [1e-5, -3.5e-7, 2.5e10, 12345678901234568],
  '[1,2]{': [],
  'h\u00e9\u4e16': [0.1234567890123456, 5.82115359, 341478, 0],
}
const text = JSON.stringify({
  size: 3,
  words: ['[', '"', '\\', '{"vectors":[[['],
  vectors,
  unkVector: [0, 0, -1],
})

test('rows are the arrays at depth three, with the values JSON.parse gives', () => {
  expect(read([Buffer.from(text)])).toEqual(Object.values(vectors))
})

test('the text may be cut anywhere', () => {
  const bytes = Buffer.from(text)
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(read([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(Object.values(vectors))
  }
  expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(Object.values(vectors))
})

test('100,000 decimals are rounded as Number rounds them', () => {
  const random = new Random(5)
  const decimals = Array.from({ length: 100_000 }, () => {
    const digits = String(random.next()).slice(0, 1 + random.below(10))
    const sign = random.below(2) === 0 ? '-' : ''
    return `${sign}${random.below(100)}.${digits}${random.below(20) === 0 ? `e-${random.below(12)}` : ''}`
  })
  const [row] = read([Buffer.from(`{"vectors":{"x":[${decimals.join()}]}}`)], decimals.length)
  expect(row).toEqual(decimals.map(Number))
})

test('a row that is too long is reported with its length and does not overflow', () => {
  const lengths: number[] = []
  const scanner = new NumberRows(2, (_, length) => lengths.push(length))
  scanner.push(Buffer.from('{"vectors":{"x":[1,2,3,4]}}'))
  expect(lengths).toEqual([4])
})
