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
  /** All of them, or those that were chosen. */
  readonly vectors: Matrix
  /** Vectors that the file has. */
  readonly rows: number
  /** Its own queries: those of another kind than what is searched are misrepresented by held-out rows. */
  readonly queries?: Matrix
  /** Of each of its queries, ids of its vectors, the nearest first. */
  readonly neighbours?: Neighbours
  /** Which distance it is made for. */
  readonly metric?: Metric
}

/** `data.length === rows * columns`. */
export interface Neighbours {
  readonly data: ArrayLike<number>
  readonly rows: number
  readonly columns: number
}

export interface ReadOptions {
  /**
   * Which of so many vectors to read, in ascending order; undefined: all of them. The others are not read, or not kept where
   * the format has no place for each.
   */
  readonly choose?: ((rows: number, hasQueries: boolean) => Uint32Array | undefined) | undefined
  readonly signal?: AbortSignal | undefined
  /** Called with the shape of what is read, before any memory is allocated. It may throw. */
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
   * Reads all rows, or those that are chosen, into `target` (so many × dims). Rejects with ERR_CORRUPT_DATA if one of them has
   * other dims or a value that is not finite once stored in `target`.
   */
  async readRows(layout: Layout, target: Float32Array | Int32Array, chosen?: Uint32Array): Promise<void> {
    if (layout.byColumns) return this.#readColumns(layout, target, chosen)
    const { dims, element, prefixBytes, start } = layout
    const rowBytes = prefixBytes + dims * element.bytes
    let slot = 0
    for (const { first, rows } of listSpans(chosen, layout.rows, rowBytes)) {
      throwIfAborted(this.#signal)
      const count = rows.at(-1)! - first + 1
      const bytes = await this.read(start + first * rowBytes, count * rowBytes, `rows ${first} and on`)
      if (layout.bigEndian) swapBytes(bytes, element.bytes)
      const { buffer } = bytes
      const firstSlot = slot
      for (const row of rows) {
        const offset = (row - first) * rowBytes
        if (prefixBytes > 0) this.#checkPrefix(buffer, offset, start + first * rowBytes, row, dims)
        target.set(element.view(buffer, offset + prefixBytes, dims), slot++ * dims)
      }
      this.#checkFinite(target, firstSlot, rows.length, dims, (at) => rows[at - firstSlot]!)
    }
  }

  async #readColumns(layout: Layout, target: Float32Array | Int32Array, chosen?: Uint32Array): Promise<void> {
    const { rows, dims, element, start, bigEndian } = layout
    const slots = slotsOf(chosen, rows)
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
        const slot = slots(first + i - column * rows)
        if (slot >= 0) target[slot * dims + column] = values[i]!
      }
    }
    this.#checkFinite(target, 0, chosen?.length ?? rows, dims, (at) => chosen?.[at] ?? at)
  }

  #checkPrefix(buffer: ArrayBuffer, offset: number, bufferStart: number, row: number, dims: number): void {
    const found = new DataView(buffer).getInt32(offset, true)
    if (found !== dims)
      throw this.damaged(bufferStart + offset, `${dims} dims of row ${row}, as before it`, `${found}`)
  }

  #checkFinite(
    target: Float32Array | Int32Array,
    firstRow: number,
    rows: number,
    dims: number,
    rowAt: (slot: number) => number,
  ): void {
    const end = (firstRow + rows) * dims
    for (let i = firstRow * dims; i < end; i++) {
      if (!Number.isFinite(target[i])) {
        const slot = Math.floor(i / dims)
        throw new SimdgresError(
          'ERR_CORRUPT_DATA',
          `${this.path} has ${target[i]} in row ${rowAt(slot)}, dimension ${i - slot * dims}: expected a finite f32 value`,
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

/** Rows between two that are wanted are read with them up to so many bytes: another read of the disk would take longer. */
const gapBytes = 16 * 1024

interface Span {
  readonly first: number
  /** That are wanted; the last ends the span. */
  readonly rows: readonly number[]
}

/** Wanted rows that are read at once, of at most a chunk; all of them if none are chosen. */
export function* listSpans(
  chosen: Uint32Array | undefined,
  allRows: number,
  rowBytes: number,
  mostRows = Math.max(1, Math.floor(chunkBytes / rowBytes)),
): Generator<Span> {
  const count = chosen?.length ?? allRows
  const gap = Math.floor(gapBytes / rowBytes)
  let rows: number[] = []
  for (let i = 0; i < count; i++) {
    const row = chosen?.[i] ?? i
    const [first, last] = [rows[0] ?? row, rows.at(-1) ?? row]
    if (row - last - 1 > gap || row - first >= mostRows) {
      yield { first, rows }
      rows = []
    }
    rows.push(row)
  }
  if (rows.length > 0) yield { first: rows[0]!, rows }
}

/** Where a row goes; below 0 if it is not wanted. */
function slotsOf(chosen: Uint32Array | undefined, rows: number): (row: number) => number {
  if (chosen === undefined) return (row) => row
  const slots = new Int32Array(rows).fill(-1)
  for (const [slot, row] of chosen.entries()) slots[row] = slot
  return (row) => slots[row]!
}
