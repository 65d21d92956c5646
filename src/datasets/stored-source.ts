import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { throwIfAborted } from '../errors.js'
import type { Progress } from '../progress.js'
import { removeLeftovers } from '../system/atomic-file.js'
import { cacheFolder, cachePath } from '../system/cache-folder.js'
import { withLock } from '../system/file-lock.js'
import { toStorageError } from '../system/storage-error.js'
import type { Matrix } from './dataset.js'
import type { Source, Work } from './sources/source.js'
import { type CacheFile, cacheFile, readCacheFile } from './store/cache-file.js'
import { type SealedKind, writeSealedFile } from './store/sealed-file.js'

/** Rows × dims f32 values. */
const matrixFile: SealedKind = {
  magic: 'SGMATRIX',
  version: 1,
  payloadBytes: (rows, dims) => rows * dims * Float32Array.BYTES_PER_ELEMENT,
}

export interface StoreOptions {
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}

/** Where the vectors of a source are kept. The version is part of the name, so a new version is a new file. */
export function storedFile(source: Source): CacheFile {
  const name = `${source.name}-${source.version}.matrix`
  return cacheFile('datasets', name, { kind: matrixFile, rows: source.rows, columns: source.dims })
}

/** Where a source is computed, and where a run that is stopped leaves what it has finished. */
export function workFolder(source: Source): string {
  return cachePath('datasets', `${source.name}-${source.version}.unfinished`)
}

/**
 * All vectors of a source, from the cache if they are there, otherwise made and cached. A damaged cache file is replaced,
 * with a note. Vectors that are merely read out of a package are made by every process that needs them, each in its own
 * folder: the files they rename into place are identical, so none has to wait. Computing is left to one process at a time.
 */
export async function readStored(source: Source, options: StoreOptions): Promise<Matrix> {
  const stored = await readIfStored(source, options)
  if (stored !== undefined) return stored
  const makeAndStore = async (work: Work) => {
    const matrix = await source.make(work)
    await writeStored(source, matrix, options.signal)
    return matrix
  }
  if (source.computed === undefined) return inFolderOfItsOwn(options, makeAndStore)
  return inWorkFolder(source, options, async (work) => {
    // The process that held the lock before may have finished the job.
    return (await readIfStored(source, options)) ?? makeAndStore(work)
  })
}

export async function writeStored(
  source: Source,
  { data }: Matrix,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = storedFile(source)
  await writeSealedFile(file.path, file.kind, file, [data], signal)
}

async function readIfStored(source: Source, options: StoreOptions): Promise<Matrix | undefined> {
  const payload = await readCacheFile(storedFile(source), options.progress, options.signal)
  if (payload === undefined) return undefined
  return { data: new Float32Array(payload), rows: source.rows, dims: source.dims }
}

async function inFolderOfItsOwn<T>(options: StoreOptions, use: (work: Work) => Promise<T>): Promise<T> {
  const parent = cacheFolder('datasets')
  await removeLeftovers(parent)
  const folder = await mkdtemp(join(parent, 'download-')).catch((error: unknown) => {
    throw toStorageError(error, `making a folder in ${parent}`)
  })
  try {
    return await use({ folder, ...options })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs `use` in the source's work folder, one process at a time. The folder is removed unless `use` fails. */
export async function inWorkFolder<T>(
  source: Source,
  options: StoreOptions,
  use: (work: Work) => Promise<T>,
): Promise<T> {
  await removeLeftovers(cacheFolder('datasets'))
  const folder = workFolder(source)
  const note = () => options.progress.note(`Waiting for another process that is making ${source.name}.`)
  const signal = options.signal ?? new AbortController().signal
  return withLock(cachePath('datasets', `${source.name}.lock`), signal, onceThere, { onWait: note })

  async function onceThere(): Promise<T> {
    throwIfAborted(signal)
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw toStorageError(error, `making ${folder}`)
    })
    const result = await use({ folder, ...options })
    await rm(folder, { recursive: true, force: true })
    return result
  }
}
