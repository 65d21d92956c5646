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

/** A column after `id` and the vector. */
export interface TableColumn {
  readonly name: string
  readonly type: keyof typeof columnTypes
  compute(rows: Matrix, row: number): number
}

/** How a value is written, in PostgreSQL's binary format. */
const columnTypes = {
  float8: { bytes: 8, write: (view: DataView, at: number, value: number) => view.setFloat64(at, value) },
  int4: { bytes: 4, write: (view: DataView, at: number, value: number) => view.setInt32(at, value) },
} as const

export interface CopyTask {
  /** Table with columns `id int4`, `embedding` and the further ones. */
  readonly table: string
  readonly rows: Matrix
  readonly format: VectorFormat
  readonly columns: readonly TableColumn[]
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Streams all rows with COPY in binary; the id of a row is its number. Times the COPY alone. */
export async function copyRows(session: Session, task: CopyTask): Promise<LoadStats> {
  const names = ['id', 'embedding', ...task.columns.map(({ name }) => name)]
  const statement = `COPY ${task.table} (${names.join(', ')}) FROM STDIN (FORMAT binary)`
  const start = performance.now()
  await session.run(`loading ${task.table}`, async (client) => {
    const target = client.query(copyFrom(statement))
    await pipeline(Readable.from(encodeRows(task), { objectMode: false }), target, { signal: task.signal })
  })
  const ms = performance.now() - start
  return { ms, rowsPerSecond: (task.rows.rows / ms) * 1000 }
}

function* encodeRows({ table, rows: matrix, format, columns, progress }: CopyTask): Generator<Buffer> {
  const { data, dims, rows } = matrix
  const vectorBytes = format.bytes(dims)
  const fields = columns.map(({ type, compute }) => ({ ...columnTypes[type], compute }))
  const rowBytes = fields.reduce((sum, { bytes }) => sum + 4 + bytes, 2 + (4 + 4) + (4 + vectorBytes))
  const rowsPerChunk = Math.max(1, Math.floor(chunkBytes / rowBytes))
  yield signature
  for (let first = 0; first < rows; first += rowsPerChunk) {
    const count = Math.min(rowsPerChunk, rows - first)
    const chunk = Buffer.allocUnsafe(count * rowBytes)
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let i = 0; i < count; i++) {
      const row = first + i
      let at = i * rowBytes
      view.setInt16(at, 2 + fields.length)
      view.setInt32(at + 2, 4)
      view.setInt32(at + 6, row)
      view.setInt32(at + 10, vectorBytes)
      at += 14
      format.write(view, at, data, row * dims, dims)
      at += vectorBytes
      for (const { bytes, write, compute } of fields) {
        view.setInt32(at, bytes)
        write(view, at + 4, compute(matrix, row))
        at += 4 + bytes
      }
    }
    yield chunk
    progress.step(`Loading ${table}`, first + count, rows)
  }
  yield trailer
}
