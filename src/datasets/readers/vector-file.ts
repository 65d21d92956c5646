import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { invalidArgument, SimdgresError, throwIfAborted } from '../../errors.js'
import { chunkBytes, readFully } from '../../system/atomic-file.js'
import { requireMemory } from '../../system/memory-limit.js'
import { toStorageError } from '../../system/storage-error.js'
import type { Metric } from '../../vectors/metric.js'
import type { Matrix } from '../dataset.js'
import { type Element, swapBytes } from './elements.js'

/** Far more than any embedding has; a larger number means another format or byte order. */
export const maxDims = 65_536

const copyHint = 'Copy or download the file again, and check that its extension names its format.'

/** What a file holds. */
export interface FoundVectors {
  readonly vectors: Matrix
  /** Its own queries: those of another kind than what is searched are misrepresented by held-out rows. */
  readonly queries?: Matrix
  /** Which distance it is made for. */
  readonly metric?: Metric
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with the shape in the file's header, before any memory is allocated. It may throw. */
  readonly onShape?: ((rows: number, dims: number) => void) | undefined
}

/** Where the rows of a file lie. */
export interface Layout {
  /** Bytes before the first row. */
  readonly start: number
  readonly rows: number
  readonly dims: number
  readonly element: Element
  /** Bytes of every row before its values: 4 where each row repeats its dims (int32), else 0. */
  readonly prefixBytes: 0 | 4
  readonly bigEndian?: boolean
  /** The first value of every row, then the second of every row, and so on. There are no prefixes then. */
  readonly byColumns?: boolean
}

/** An open file of vectors: what all readers have in common. */
export class VectorFile {
  readonly path: string
  readonly bytes: number
  readonly #handle: FileHandle
  readonly #signal: AbortSignal | undefined

  private constructor(path: string, bytes: number, handle: FileHandle, signal: AbortSignal | undefined) {
    this.path = path
    this.bytes = bytes
    this.#handle = handle
    this.#signal = signal
  }

  /** Opens `path`, lets `use` read it and closes it; errors of the system come out as SimdgresErrors. */
  static async use<T>(path: string, options: ReadOptions, use: (file: VectorFile) => Promise<T>): Promise<T> {
    let handle: FileHandle | undefined
    try {
      throwIfAborted(options.signal)
      // Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
      const found = await handle.stat()
      if (!found.isFile()) throw invalidArgument('dataset', 'the path of a regular file', path)
      return await use(new VectorFile(path, found.size, handle, options.signal))
    } catch (error) {
      throw toStorageError(error, `reading ${path}`, 'named')
    } finally {
      await handle?.close()
    }
  }

  /** `length` bytes from `position` on. Rejects with ERR_CORRUPT_DATA, naming `what`, if the file ends before. */
  async read(position: number, length: number, what: string): Promise<Buffer<ArrayBuffer>> {
    const missing = () =>
      this.damaged(position, `${length} bytes of ${what}`, `the end of the file at ${this.bytes}`)
    if (position + length > this.bytes) throw missing()
    const bytes = Buffer.from(new ArrayBuffer(length))
    if ((await readFully(this.#handle, bytes, position)) < length) throw missing()
    return bytes
  }

  /**
   * Reads all rows into `target` (rows × dims). Rejects with ERR_CORRUPT_DATA if a row has other dims or a value that is
   * not finite once stored in `target`.
   */
  async readRows(layout: Layout, target: Float32Array | Int32Array): Promise<void> {
    if (layout.byColumns) return this.#readColumns(layout, target)
    const { rows, dims, element, prefixBytes, start } = layout
    const rowBytes = prefixBytes + dims * element.bytes
    const batch = Math.max(1, Math.floor(chunkBytes / rowBytes))
    for (let first = 0; first < rows; first += batch) {
      throwIfAborted(this.#signal)
      const count = Math.min(batch, rows - first)
      const bytes = await this.read(start + first * rowBytes, count * rowBytes, `rows ${first} and on`)
      if (layout.bigEndian) swapBytes(bytes, element.bytes)
      const { buffer } = bytes
      for (let row = 0; row < count; row++) {
        const offset = row * rowBytes
        if (prefixBytes > 0) this.#checkPrefix(buffer, offset, start + first * rowBytes, first + row, dims)
        target.set(element.view(buffer, offset + prefixBytes, dims), (first + row) * dims)
      }
      this.#checkFinite(target, first, count, dims)
    }
  }

  async #readColumns(layout: Layout, target: Float32Array | Int32Array): Promise<void> {
    const { rows, dims, element, start, bigEndian } = layout
    const batch = Math.floor(chunkBytes / element.bytes)
    for (let first = 0; first < rows * dims; first += batch) {
      throwIfAborted(this.#signal)
      const count = Math.min(batch, rows * dims - first)
      const at = start + first * element.bytes
      const bytes = await this.read(at, count * element.bytes, `values ${first} and on`)
      if (bigEndian) swapBytes(bytes, element.bytes)
      const values = element.view(bytes.buffer, 0, count)
      for (let i = 0; i < count; i++) {
        const column = Math.floor((first + i) / rows)
        target[(first + i - column * rows) * dims + column] = values[i]!
      }
    }
    this.#checkFinite(target, 0, rows, dims)
  }

  #checkPrefix(buffer: ArrayBuffer, offset: number, bufferStart: number, row: number, dims: number): void {
    const found = new DataView(buffer).getInt32(offset, true)
    if (found !== dims)
      throw this.damaged(bufferStart + offset, `${dims} dims of row ${row}, as before it`, `${found}`)
  }

  #checkFinite(target: Float32Array | Int32Array, firstRow: number, rows: number, dims: number): void {
    const end = (firstRow + rows) * dims
    for (let i = firstRow * dims; i < end; i++) {
      if (!Number.isFinite(target[i])) {
        const row = Math.floor(i / dims)
        throw new SimdgresError(
          'ERR_CORRUPT_DATA',
          `${this.path} has ${target[i]} in row ${row}, dimension ${i - row * dims}: expected a finite f32 value`,
          'Remove or repair such rows: no distance from them is defined.',
        )
      }
    }
  }

  /** Checks that `layout` covers the rest of the file exactly, before anything of that size is allocated. */
  checkSize({ start, rows, dims, element, prefixBytes }: Layout): void {
    const expected = start + rows * (prefixBytes + dims * element.bytes)
    if (expected === this.bytes) return
    const shape = `${rows} rows of ${dims} ${element.name} values`
    throw this.damaged(
      Math.min(expected, this.bytes),
      `${expected} bytes for ${shape}`,
      `${this.bytes} bytes`,
    )
  }

  /** Memory for all rows, once their shape is found to fit: in the machine, and in what the caller has room for. */
  allocate(rows: number, dims: number, onShape: ReadOptions['onShape']): Matrix {
    onShape?.(rows, dims)
    this.checkMemory(rows * dims)
    return { data: new Float32Array(rows * dims), rows, dims }
  }

  checkAbort(): void {
    throwIfAborted(this.#signal)
  }

  checkDims(dims: number, position: number): void {
    if (dims < 1 || dims > maxDims) throw this.damaged(position, `1 to ${maxDims} dims`, `${dims}`)
  }

  /** Checks that `values` numbers of 4 bytes fit into the memory before they are asked for. */
  checkMemory(values: number): void {
    requireMemory(values * Float32Array.BYTES_PER_ELEMENT, `reading ${this.path}`)
  }

  /** Of a format whose rows have no place of their own. */
  wrongRow(row: number, expected: string, found: string): SimdgresError {
    return new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${this.path} has ${found} in row ${row}: expected ${expected}`,
      'Remove or repair such rows: no distance from them is defined.',
    )
  }

  /** Of a format that a library decodes, which says no place. */
  undecodable(format: string, reason: string, cause?: unknown): SimdgresError {
    return new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${this.path} is no ${format} file, or damaged: ${reason}`,
      copyHint,
      { cause },
    )
  }

  damaged(position: number, expected: string, found: string): SimdgresError {
    return new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${this.path} is damaged at byte ${position}: expected ${expected}, found ${found}`,
      copyHint,
    )
  }
}
