import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { throwIfAborted } from '../../errors.js'
import { chunkBytes } from '../../system/atomic-file.js'
import { toStorageError } from '../../system/storage-error.js'

/** Reads one file of a tarball, chunk by chunk, in order. */
export type EntryReader = (chunks: AsyncIterable<Uint8Array>) => Promise<void>

/**
 * Streams files of a gzipped tarball to `readers`, which are keyed by path inside it, and skips all others. Only the
 * current chunk is in memory. Resolves to the paths that were read.
 */
export async function readTarball(
  path: string,
  readers: Readonly<Record<string, EntryReader>>,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>()
  await readEntries(path, signal, async (entry) => {
    const reader = readers[entry.header.name]
    if (reader === undefined) {
      entry.resume()
      return
    }
    await reader(entry)
    seen.add(entry.header.name)
  })
  return seen
}

/**
 * Writes the files of a gzipped tarball into `folder`, which is created. Links, and anything that would end up outside the
 * folder, are skipped: npm packs neither.
 */
export async function unpackTarball(path: string, folder: string, signal?: AbortSignal): Promise<void> {
  const root = resolve(folder) + sep
  await readEntries(path, signal, async (entry) => {
    const target = resolve(folder, entry.header.name)
    if (entry.header.type !== 'file' || !target.startsWith(root)) {
      entry.resume()
      return
    }
    await mkdir(dirname(target), { recursive: true })
    await pipeline(entry, createWriteStream(target))
  })
}

/** Entries are iterable (streamx), but tar-stream's types do not say so. */
type Entry = (ReturnType<typeof extract> extends AsyncIterable<infer Item> ? Item : never) &
  AsyncIterable<Uint8Array>

async function readEntries(
  path: string,
  signal: AbortSignal | undefined,
  onEntry: (entry: Entry) => Promise<void>,
): Promise<void> {
  const entries = extract()
  const consume = async () => {
    for await (const entry of entries) await onEntry(entry as Entry)
  }
  const gunzip = createGunzip({ chunkSize: 1 << 18 })
  const file = createReadStream(path, { highWaterMark: chunkBytes })
  try {
    await Promise.all([pipeline(file, gunzip, entries, { ...(signal && { signal }) }), consume()])
  } catch (error) {
    throwIfAborted(signal)
    throw toStorageError(error, `reading ${path}`)
  }
}
