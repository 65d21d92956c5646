import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { chunkBytes, readFully, writeFileAtomically } from '../../system/atomic-file.js'
import { errnoOf, toStorageError } from '../../system/storage-error.js'

/**
 * The one file format of the caches: a header of 64 bytes, then the payload. All integers are little-endian, and the
 * payload has the byte order of typed arrays, which is little-endian on every machine this project is built for.
 *
 *     0  magic, 8 characters     12  rows, u32        20  zero, 12 bytes
 *     8  version, u32            16  columns, u32     32  sha-256 of bytes 0-31 and the payload
 */
const headerBytes = 64
const digestOffset = 32

/** What a file holds. The version goes up whenever the same bytes mean something else. */
export interface SealedKind {
  /** Exactly 8 characters of ASCII. */
  readonly magic: string
  readonly version: number
  readonly payloadBytes: (rows: number, columns: number) => number
}

export interface SealedContent {
  readonly rows: number
  readonly columns: number
  readonly payload: ArrayBuffer
}

/** Writes a sealed file whole or not at all. Rejects with ERR_RESOURCE or ERR_ABORTED. */
export async function writeSealedFile(
  path: string,
  kind: SealedKind,
  shape: { readonly rows: number; readonly columns: number },
  payload: readonly ArrayBufferView[],
  signal?: AbortSignal,
): Promise<void> {
  const header = Buffer.alloc(headerBytes)
  header.write(kind.magic, 0, 'latin1')
  header.writeUInt32LE(kind.version, 8)
  header.writeUInt32LE(shape.rows, 12)
  header.writeUInt32LE(shape.columns, 16)
  const parts = payload.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  const hash = createHash('sha256').update(header.subarray(0, digestOffset))
  for (const part of parts) {
    // One update takes at most 2 GiB.
    for (let at = 0; at < part.length; at += chunkBytes) hash.update(part.subarray(at, at + chunkBytes))
  }
  hash.digest().copy(header, digestOffset)
  await writeFileAtomically(path, [header, ...parts], { signal, place: 'cache' })
}

/**
 * Reads a sealed file back; undefined if there is none. Rejects with ERR_CORRUPT_DATA if it is not what was written.
 * Nothing is allocated until the size of the file agrees with its header.
 */
export async function readSealedFile(
  path: string,
  kind: SealedKind,
  signal?: AbortSignal,
): Promise<SealedContent | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw toStorageError(error, `opening ${path}`)
  }
  try {
    return await readContent(handle, path, kind, signal)
  } catch (error) {
    throw toStorageError(error, `reading ${path}`)
  } finally {
    await handle.close()
  }
}

async function readContent(
  handle: FileHandle,
  path: string,
  kind: SealedKind,
  signal?: AbortSignal,
): Promise<SealedContent> {
  const header = Buffer.alloc(headerBytes)
  if ((await readFully(handle, header, 0)) < headerBytes) throw damaged(path, 'is shorter than its header')
  const magic = header.toString('latin1', 0, 8)
  if (magic !== kind.magic) throw damaged(path, `starts with ${JSON.stringify(magic)}, not "${kind.magic}"`)
  const version = header.readUInt32LE(8)
  if (version !== kind.version) throw damaged(path, `has version ${version}, not ${kind.version}`)
  const rows = header.readUInt32LE(12)
  const columns = header.readUInt32LE(16)
  const expected = kind.payloadBytes(rows, columns)
  const found = (await handle.stat()).size - headerBytes
  if (found !== expected) throw damaged(path, `has ${found} bytes of payload where ${expected} belong`)

  const payload = new ArrayBuffer(expected)
  const hash = createHash('sha256').update(header.subarray(0, digestOffset))
  for (let at = 0; at < expected; at += chunkBytes) {
    throwIfAborted(signal)
    const chunk = new Uint8Array(payload, at, Math.min(chunkBytes, expected - at))
    if ((await readFully(handle, chunk, headerBytes + at)) < chunk.length)
      throw damaged(path, 'shrank while read')
    hash.update(chunk)
  }
  if (!hash.digest().equals(header.subarray(digestOffset))) throw damaged(path, 'does not match its checksum')
  return { rows, columns, payload }
}

function damaged(path: string, what: string): SimdgresError {
  return new SimdgresError(
    'ERR_CORRUPT_DATA',
    `The cache file ${path} ${what}`,
    `Delete ${path} and try again.`,
  )
}
