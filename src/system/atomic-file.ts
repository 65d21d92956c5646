import { randomBytes } from 'node:crypto'
import type { WriteStream } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { invalidArgument, throwIfAborted } from '../errors.js'
import { resolveOutput, writeInto } from './output.js'
import { errnoOf, type StoragePlace, toStorageError } from './storage-error.js'

/** Bytes per system call: large enough to hide its cost, small enough to react to an abort at once. */
export const chunkBytes = 4 << 20

/** What a killed process can leave in a cache folder: files being written and folders being downloaded to. */
const leftover = /\.part$|^download-/

/** Writing one file never takes a day, so anything older was left by a process that was killed. */
const leftoverAgeMs = 24 * 3600 * 1000

export interface FileContent {
  readonly path: string
  readonly parts: readonly Uint8Array[]
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined
  /** Whose choice the path is, for the hint of an error. Default: the user's. */
  readonly place?: StoragePlace
}

/**
 * Writes `parts` to `path` so that a reader sees the whole file or none of it, whenever the process or the power
 * goes: a file of its own name beside it, fsync, rename. Two writers of one path do not meet; the last one wins.
 * A link stays, and leads to what was written. Devices and pipes are written into: a rename would replace them.
 * Rejects with ERR_RESOURCE (disk full, no permission) or ERR_ABORTED, and leaves nothing behind.
 */
export async function writeFileAtomically(
  path: string,
  parts: readonly Uint8Array[],
  options: WriteOptions = {},
): Promise<void> {
  await writeFilesAtomically([{ path, parts }], options)
}

/** As `writeFileAtomically`, for files that belong together: none is renamed before all are on the disk. */
export async function writeFilesAtomically(
  files: readonly FileContent[],
  { signal, place = 'named' }: WriteOptions = {},
): Promise<void> {
  const outputs = []
  for (const file of files) outputs.push({ ...file, output: await resolveOutput(file.path) })
  const staged = outputs.flatMap(({ path, parts, output }) =>
    output.kind === 'file'
      ? [
          {
            path,
            parts,
            to: output.path,
            part: partOf(output.path),
          },
        ]
      : [],
  )
  let doing = ''
  try {
    for (const { path, part, parts } of staged) {
      doing = `writing ${path}`
      await writeAndSync(part, parts, signal)
    }
    for (const { path, part, to } of staged) {
      doing = `writing ${path}`
      await rename(part, to)
    }
    for (const folder of new Set(staged.map(({ to }) => dirname(to)))) await syncFolder(folder)
    for (const { path, parts, output } of outputs) {
      doing = `writing ${path}`
      if (output.kind !== 'file') await writeInto(output, parts)
    }
  } catch (error) {
    for (const { part } of staged) await rm(part, { force: true })
    throw toStorageError(error, doing, place)
  }
}

/**
 * As `writeFileAtomically`, for content that comes as a stream: `fill` writes it, and may end the stream. The file is its
 * owner's alone. Resolves to the bytes that were written.
 * @throws ERR_INVALID_ARGUMENT for a device or a pipe, and what `fill` throws.
 */
export async function writeStreamAtomically(
  path: string,
  fill: (output: Writable) => Promise<void>,
): Promise<number> {
  const output = await resolveOutput(path)
  if (output.kind !== 'file') throw invalidArgument('an output', 'a file', path)
  const part = partOf(output.path)
  const doing = `writing ${path}`
  let stream: WriteStream | undefined
  try {
    stream = (await open(part, 'wx', 0o600)).createWriteStream({ flush: true })
    const written = finished(stream)
    // Reported below; `fill` may notice it first.
    written.catch(() => undefined)
    await fill(stream)
    if (!stream.writableEnded) stream.end()
    await written
    await rename(part, output.path)
    await syncFolder(dirname(output.path))
    return stream.bytesWritten
  } catch (error) {
    const cause = stream?.errored ?? error
    stream?.destroy()
    await rm(part, { force: true })
    throw toStorageError(cause, doing, 'named')
  }
}

/** Of its own name, beside the file. */
function partOf(path: string): string {
  return `${path}.${process.pid}-${randomBytes(4).toString('hex')}.part`
}

async function writeAndSync(
  path: string,
  parts: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const handle = await open(path, 'wx')
  try {
    for (const bytes of parts) await writeAll(handle, bytes, signal)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    throwIfAborted(signal)
    const { bytesWritten } = await handle.write(bytes, done, Math.min(chunkBytes, bytes.length - done))
    done += bytesWritten
  }
}

/** A rename survives a power cut only once the folder that holds the name has been written too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Fills `target` from `position` on; resolves to the bytes read, fewer than asked for at the end of the file. */
export async function readFully(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Removes what killed processes left in a cache folder, where it is ours to remove. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!leftover.test(name)) continue
    const path = join(folder, name)
    // Another process may be cleaning up the same file.
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || Date.now() - found.mtimeMs <= leftoverAgeMs) continue
    try {
      await rm(path, { recursive: true, force: true })
    } catch (error) {
      // In a folder that users share, it is left to the one it belongs to.
      if (!['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
    }
  }
}
