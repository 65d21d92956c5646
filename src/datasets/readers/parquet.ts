import type { FileMetaData, SchemaTree } from 'hyparquet'
import { SimdgresError } from '../../errors.js'
import type { Matrix } from '../dataset.js'
import { type FoundVectors, maxDims, type ReadOptions, type VectorFile } from './vector-file.js'

/** Where a file has several columns of lists, the vectors are in the one of these names. */
const vectorNames = ['emb', 'embedding', 'embeddings', 'vector']

/** Numbers that are decoded at once: they come as JavaScript arrays, of 8 bytes each and more. */
const batchValues = 16 * 1024 * 1024

/**
 * Parquet: the column that holds lists of numbers, of any length class and of float or double. Rejects with
 * ERR_INVALID_ARGUMENT where there is no such column or it is not clear which, or the file is compressed in a way that is not read;
 * with ERR_CORRUPT_DATA where rows are null, of other dims, or not finite.
 */
export async function readParquet(file: VectorFile, { onShape, choose }: ReadOptions): Promise<FoundVectors> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet')
  const buffer = {
    byteLength: file.bytes,
    slice: async (start: number, end = file.bytes) => {
      const from = start < 0 ? file.bytes + start : start
      return (await file.read(from, end - from, 'parquet')).buffer
    },
  }
  try {
    const metadata = await parquetMetadataAsync(buffer)
    const name = findVectorColumn(file, parquetSchema(metadata))
    const rows = Number(metadata.num_rows)
    const inGroups = countRows(metadata)
    if (inGroups !== rows) throw new Error(`${inGroups} rows in its row groups, and ${rows} in the file`)
    const chosen = choose?.(rows, false)
    let matrix: Matrix | undefined
    let slot = 0
    let row = 0
    for (const [rowStart, rowEnd] of listBatches(metadata, () => matrix?.dims)) {
      // Nothing of it is wanted.
      if (chosen !== undefined && (chosen[slot] ?? rows) >= rowEnd) {
        row = rowEnd
        continue
      }
      const batch = await parquetReadObjects({ file: buffer, metadata, columns: [name], rowStart, rowEnd })
      for (const { [name]: values } of batch) {
        if (chosen === undefined || chosen[slot] === row) {
          const vector = checkVector(file, values, row, matrix?.dims)
          matrix ??= file.allocate(chosen?.length ?? rows, vector.length, onShape)
          matrix.data.set(vector, slot++ * matrix.dims)
        }
        row++
      }
      if (row !== rowEnd) throw new Error(`${row} of ${rowEnd} rows found`)
      file.checkAbort()
    }
    if (matrix !== undefined) return { vectors: matrix, rows }
    throw new SimdgresError('ERR_INVALID_ARGUMENT', `${file.path} has no rows`, 'Name a file of vectors.')
  } catch (error) {
    throw describeFailure(file, error)
  }
}

const countRows = ({ row_groups: groups }: FileMetaData) =>
  groups.reduce((sum, { num_rows: count }) => sum + Number(count), 0)

/** Ranges of rows: of one row group each, and of few enough values once the dims are known. */
function* listBatches({ row_groups: groups }: FileMetaData, dims: () => number | undefined) {
  let start = 0
  for (const group of groups) {
    const end = start + Number(group.num_rows)
    while (start < end) {
      const known = dims()
      const count = known === undefined ? 1 : Math.max(1, Math.floor(batchValues / known))
      const until = Math.min(end, start + count)
      yield [start, until] as const
      start = until
    }
  }
}

function findVectorColumn(file: VectorFile, { children }: SchemaTree): string {
  const names = children.filter(holdsVectors).map(({ element }) => element.name)
  const [only] = names.length === 1 ? names : vectorNames.filter((name) => names.includes(name))
  if (only !== undefined) return only
  const all = children.map(({ element }) => element.name).join(', ')
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    names.length === 0
      ? `${file.path} has no column of vectors: none of ${all} holds lists of float or double`
      : `${file.path} has several columns of vectors: ${names.join(', ')}`,
    `Keep one list of numbers in the file, or name it ${vectorNames.join(', ')}.`,
  )
}

/** A list whose innermost values are floats; writers name the levels between differently. */
function holdsVectors({ element, children }: SchemaTree): boolean {
  const isList = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST'
  return (
    (isList || element.repetition_type === 'REPEATED') && isFloating(children[0] ?? { element, children: [] })
  )
}

function isFloating({ element, children }: Pick<SchemaTree, 'element' | 'children'>): boolean {
  if (children.length > 1) return false
  return children[0] === undefined
    ? element.type === 'FLOAT' || element.type === 'DOUBLE'
    : isFloating(children[0])
}

function checkVector(
  file: VectorFile,
  values: unknown,
  row: number,
  dims: number | undefined,
): ArrayLike<number> {
  const isList = Array.isArray(values) || values instanceof Float32Array || values instanceof Float64Array
  const vector: ArrayLike<number> = isList ? values : []
  const { length } = vector
  if (length < 1 || length > maxDims || (dims !== undefined && length !== dims)) {
    const expected = dims === undefined ? `1 to ${maxDims} numbers` : `${dims} numbers, as before it`
    throw file.wrongRow(row, expected, length === 0 ? 'none' : `${length}`)
  }
  for (let i = 0; i < length; i++) {
    if (!Number.isFinite(Math.fround(vector[i] ?? Number.NaN))) {
      throw file.wrongRow(row, `a finite f32 value in dimension ${i}`, String(vector[i]))
    }
  }
  return vector
}

function describeFailure(file: VectorFile, error: unknown): unknown {
  if (error instanceof SimdgresError) return error
  const reason = (error as Error).message
  if (/codec/i.test(reason)) {
    return new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${file.path} cannot be read: ${reason}`,
      'Write it without compression or with Snappy, which is the default of most writers.',
      { cause: error },
    )
  }
  return file.undecodable('Parquet', reason, error)
}
