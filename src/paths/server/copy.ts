import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { Matrix } from '../../datasets/dataset.js'
import type { Progress } from '../../progress.js'
import type { LoadStats } from '../search-path.js'
import type { Session } from './session.js'
import type { VectorFormat } from './vector-codec.js'

/** Large enough that the cost per chunk vanishes, small enough that an abort is answered at once. */
const chunkBytes = 1 << 20

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
/** Field count -1. */
const trailer = Buffer.from([0xff, 0xff])

/** A column after `id` and the vector, float8. */
export interface ComputedColumn {
  readonly name: string
  compute(data: Float32Array, start: number, dims: number): number
}

export interface CopyTask {
  /** Table with columns `id int4`, `embedding` and the computed ones. */
  readonly table: string
  readonly rows: Matrix
  readonly format: VectorFormat
  readonly computed?: ComputedColumn
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Streams all rows with COPY in binary; the id of a row is its number. Times the COPY alone. */
export async function copyRows(session: Session, task: CopyTask): Promise<LoadStats> {
  const columns = ['id', 'embedding', ...(task.computed === undefined ? [] : [task.computed.name])]
  const statement = `COPY ${task.table} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`
  const start = performance.now()
  await session.run(`loading ${task.table}`, async (client) => {
    const target = client.query(copyFrom(statement))
    await pipeline(Readable.from(encodeRows(task), { objectMode: false }), target, { signal: task.signal })
  })
  const ms = performance.now() - start
  return { ms, rowsPerSecond: (task.rows.rows / ms) * 1000 }
}

function* encodeRows({ table, rows: matrix, format, computed, progress }: CopyTask): Generator<Buffer> {
  const { data, dims, rows } = matrix
  const vectorBytes = format.bytes(dims)
  const rowBytes = 2 + (4 + 4) + (4 + vectorBytes) + (computed === undefined ? 0 : 4 + 8)
  const rowsPerChunk = Math.max(1, Math.floor(chunkBytes / rowBytes))
  yield signature
  for (let first = 0; first < rows; first += rowsPerChunk) {
    const count = Math.min(rowsPerChunk, rows - first)
    const chunk = Buffer.allocUnsafe(count * rowBytes)
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let i = 0; i < count; i++) {
      const row = first + i
      let at = i * rowBytes
      view.setInt16(at, computed === undefined ? 2 : 3)
      view.setInt32(at + 2, 4)
      view.setInt32(at + 6, row)
      view.setInt32(at + 10, vectorBytes)
      at += 14
      format.write(view, at, data, row * dims, dims)
      if (computed !== undefined) {
        view.setInt32(at + vectorBytes, 8)
        view.setFloat64(at + vectorBytes + 4, computed.compute(data, row * dims, dims))
      }
    }
    yield chunk
    progress.step(`Loading ${table}`, first + count, rows)
  }
  yield trailer
}
