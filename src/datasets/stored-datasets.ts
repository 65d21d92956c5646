import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { invalidArgument, SimdgresError } from '../errors.js'
import { silent } from '../progress.js'
import { errnoOf, toStorageError } from '../system/storage-error.js'
import type { LoadOptions } from './catalogue.js'
import { roundToHalves } from './readers/half-precision.js'
import { readVectors } from './readers/list.js'
import { type DatasetEntry, listDatasets, sources } from './sources/list.js'
import type { Source } from './sources/source.js'
import { inWorkFolder, readStored, storedFile, workFolder, writeStored } from './stored-source.js'

/** A row of the catalogue, and what this machine has of it. */
export interface StoredDataset extends DatasetEntry {
  readonly path: string
  /** Size of the file at `path`; undefined if the data set is not in the cache. */
  readonly bytes: number | undefined
}

type StoreOptions = Pick<LoadOptions, 'progress' | 'signal'>

export async function listStoredDatasets(): Promise<StoredDataset[]> {
  const entries = listDatasets()
  return Promise.all(
    sources.map(async (source, index) => {
      const { path } = storedFile(source)
      return { ...entries[index]!, path, bytes: await sizeOf(path) }
    }),
  )
}

/** Makes sure that a data set of the catalogue is in the cache, undamaged. Rejects as `loadDataset` does. */
export async function fetchDataset(name: string, options: StoreOptions = {}): Promise<void> {
  await readStored(findSource(name), { progress: options.progress ?? silent, signal: options.signal })
}

/**
 * Takes a data set that would otherwise be computed here from the file `path`, in any format that `readVectors` reads.
 * The shape, the lengths of the vectors and a sample of rows that is computed here have to agree. Rejects with
 * ERR_INVALID_ARGUMENT (a data set that is not computed, another shape), ERR_CORRUPT_DATA (other vectors) or as
 * `loadDataset` does.
 */
export async function importDataset(name: string, path: string, options: StoreOptions = {}): Promise<void> {
  await importInto(findSource(name), path, options)
}

/** Like `importDataset`, for a source that need not be in the catalogue. */
export async function importInto(source: Source, path: string, options: StoreOptions = {}): Promise<void> {
  const { computed, name, rows, dims } = source
  if (computed === undefined) {
    const expected = `one that is computed (${namesOf(sources.filter((other) => other.computed !== undefined))})`
    throw invalidArgument('dataset', expected, name, `Fetch it: simdgres data fetch ${name}.`)
  }
  const { progress = silent, signal } = options
  const matrix = await readVectors(path, { signal })
  if (matrix.rows !== rows || matrix.dims !== dims) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${path} holds ${matrix.rows} x ${matrix.dims} values, and ${name} has ${rows} x ${dims}`,
      `Name a file of all vectors of ${name}; --dataset takes any other file as it is.`,
    )
  }
  await inWorkFolder(source, { progress, signal }, async (work) => {
    await computed.check(matrix, path, work)
    roundToHalves(matrix.data)
    await writeStored(source, matrix, signal)
  })
}

/** Removes a data set of the catalogue, finished or not, from the cache. Resolves to the bytes that were freed. */
export async function removeDataset(name: string): Promise<number> {
  const source = findSource(name)
  let bytes = 0
  for (const path of [storedFile(source).path, workFolder(source)]) {
    const found = await sizeOf(path)
    if (found === undefined) continue
    bytes += found
    try {
      await rm(path, { recursive: true })
    } catch (error) {
      throw toStorageError(error, `removing ${path}`)
    }
  }
  return bytes
}

function findSource(name: string): Source {
  const source = sources.find((candidate) => candidate.name === name)
  if (source === undefined) throw invalidArgument('dataset', `one of ${namesOf(sources)}`, name)
  return source
}

function namesOf(those: readonly Source[]): string {
  return those.map(({ name }) => name).join(', ')
}

/** Bytes of a file or of all files in a folder; undefined if there is no such thing. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path)
    if (!found.isDirectory()) return found.size
    const sizes = (await readdir(path)).map((name) => sizeOf(join(path, name)))
    return (await Promise.all(sizes)).reduce((sum: number, bytes) => sum + (bytes ?? 0), 0)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw toStorageError(error, `looking for ${path}`)
  }
}
