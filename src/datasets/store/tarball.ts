import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { throwIfAborted } from '../../errors.js'
import { chunkBytes } from '../../system/atomic-file.js'
import { toStorageError } from '../../system/storage-error.js'

/** Reads one file of a tarball, chunk by chunk, in order. */
export type EntryReader = (chunks: AsyncIterable<Uint8Array>) => Promise<void>

/**
 * Streams the files of a gzipped tarball to `readers`, by their path inside it, and skips all others. Nothing but the
 * chunk at hand is in memory. Resolves to the paths that were read.
 */
export async function readTarball(
  path: string,
  readers: Readonly<Record<string, EntryReader>>,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const entries = extract()
  const seen = new Set<string>()
  const consume = async () => {
    for await (const entry of entries) {
      const reader = readers[entry.header.name]
      if (reader === undefined) {
        entry.resume()
        continue
      }
      // Entries can be iterated (streamx), which the types of tar-stream leave out.
      await reader(entry as typeof entry & AsyncIterable<Uint8Array>)
      seen.add(entry.header.name)
    }
  }
  const gunzip = createGunzip({ chunkSize: 1 << 18 })
  const file = createReadStream(path, { highWaterMark: chunkBytes })
  try {
    await Promise.all([pipeline(file, gunzip, entries, { ...(signal && { signal }) }), consume()])
  } catch (error) {
    throwIfAborted(signal)
    throw toStorageError(error, `reading ${path}`)
  }
  return seen
}
