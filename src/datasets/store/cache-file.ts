import { rm } from 'node:fs/promises'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cachePath } from '../../system/cache-folder.js'
import { toStorageError } from '../../system/storage-error.js'
import { readSealedFile, type SealedKind } from './sealed-file.js'

export interface CacheFile {
  readonly path: string
  readonly kind: SealedKind
  /** The shape it has to have. */
  readonly rows: number
  readonly columns: number
}

/** Where such a file is or will be. Nothing is created. */
export function cacheFile(
  area: 'datasets' | 'ground-truth',
  name: string,
  content: Omit<CacheFile, 'path'>,
): CacheFile {
  return { path: cachePath(area, name), ...content }
}

/**
 * The payload of a cache file; undefined if there is no usable one. A damaged file is removed, with a note, so that the
 * caller makes it again. Rejects with ERR_RESOURCE or ERR_ABORTED.
 */
export async function readCacheFile(
  { path, kind, rows, columns }: CacheFile,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<ArrayBuffer | undefined> {
  try {
    const content = await readSealedFile(path, kind, signal)
    if (content === undefined) return undefined
    if (content.rows === rows && content.columns === columns) return content.payload
    const found = `${content.rows} x ${content.columns}`
    progress.note(`The cache file ${path} holds ${found} values, not ${rows} x ${columns}; it is made again.`)
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_CORRUPT_DATA') throw error
    progress.note(`${error.message}; it is made again.`)
  }
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw toStorageError(error, `removing ${path}`)
  }
  return undefined
}
