import { rm, stat } from 'node:fs/promises'
import { invalidArgument } from '../errors.js'
import { silent } from '../progress.js'
import { errnoOf, toStorageError } from '../system/storage-error.js'
import type { LoadOptions } from './catalogue.js'
import { type DatasetEntry, listDatasets, sources } from './sources/list.js'
import type { Source } from './sources/source.js'
import { readStored, storedFile } from './store/stored-source.js'

/** A catalogue row with what is kept of it on this machine. */
export interface StoredDataset extends DatasetEntry {
  readonly path: string
  /** Size of the file at `path`; undefined if the data set is not in the cache. */
  readonly bytes: number | undefined
}

export async function listStoredDatasets(): Promise<StoredDataset[]> {
  const entries = listDatasets()
  return Promise.all(
    sources.map(async (source, index) => {
      const { path } = storedFile(source)
      return { ...entries[index]!, path, bytes: await sizeOf(path) }
    }),
  )
}

/** Makes sure that a data set of the catalogue is in the cache and undamaged. Rejects as `loadDataset` does. */
export async function fetchDataset(
  name: string,
  options: Pick<LoadOptions, 'progress' | 'signal'> = {},
): Promise<void> {
  await readStored(findSource(name), { progress: options.progress ?? silent, signal: options.signal })
}

/** Removes a data set of the catalogue from the cache; resolves to the bytes that are free again. */
export async function removeDataset(name: string): Promise<number> {
  const { path } = storedFile(findSource(name))
  const bytes = (await sizeOf(path)) ?? 0
  if (bytes === 0) return 0
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw toStorageError(error, `removing ${path}`)
  }
  return bytes
}

function findSource(name: string): Source {
  const source = sources.find((candidate) => candidate.name === name)
  if (source === undefined) {
    throw invalidArgument('dataset', `one of ${sources.map((candidate) => candidate.name).join(', ')}`, name)
  }
  return source
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw toStorageError(error, `looking for ${path}`)
  }
}
