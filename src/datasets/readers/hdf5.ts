import type { Dataset as Hdf5Dataset, File as Hdf5File } from 'h5wasm/node'
import { SimdgresError } from '../../errors.js'
import type { Metric } from '../../vectors/metric.js'
import type { Matrix } from '../dataset.js'
import {
  type FoundVectors,
  listSpans,
  maxDims,
  type Neighbours,
  type ReadOptions,
  type VectorFile,
} from './vector-file.js'

/** The names of ann-benchmarks, in the attribute `distance`. */
const metricNames: Readonly<Record<string, Metric>> = {
  euclidean: 'l2',
  angular: 'cosine',
  dot: 'ip',
  ip: 'ip',
  manhattan: 'l1',
}

/** Values that are read at once. */
const batchValues = 4 * 1024 * 1024

/**
 * An HDF5 file of ann-benchmarks: `train` is searched, `test` holds queries, and `neighbors` the nearest rows of each. Its `distances`
 * are not read: they are computed from the vectors. Needs the package h5wasm. Rejects with
 * ERR_UNAVAILABLE where it is not installed, with ERR_INVALID_ARGUMENT where there is no `train` of numbers, and with
 * ERR_CORRUPT_DATA.
 */
export async function readHdf5(file: VectorFile, options: ReadOptions): Promise<FoundVectors> {
  const library = await loadLibrary()
  const module = await library.ready
  // Without it, errors go to the process's output, and nothing is thrown.
  module.activate_throwing_error_handler()
  let opened: Hdf5File | undefined
  try {
    await checkSignature(file)
    opened = new library.File(file.path, 'r')
    const train = findMatrix(file, opened, 'train', library)
    if (train === undefined) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${file.path} has no data set "train": found ${opened.keys().join(', ') || 'nothing'}`,
        'Name a file as ann-benchmarks has them, with train and test.',
      )
    }
    const test = findMatrix(file, opened, 'test', library)
    const [rows] = train.shape as [number, number]
    const chosen = options.choose?.(rows, test !== undefined)
    const vectors = readMatrix(file, train, 'train', options, chosen)
    const queries = test === undefined ? undefined : readMatrix(file, test, 'test', {})
    if (queries !== undefined && queries.dims !== vectors.dims) {
      throw new SimdgresError(
        'ERR_CORRUPT_DATA',
        `${file.path} has queries ("test") of ${queries.dims} dims for vectors ("train") of ${vectors.dims}`,
        'Make the file again: both have to be of one model.',
      )
    }
    const metric = metricNames[String(opened.attrs['distance']?.value ?? '')]
    // A part of the rows has other neighbours.
    const given = chosen === undefined ? findMatrix(file, opened, 'neighbors', library) : undefined
    const neighbours = given && readNeighbours(file, given, queries?.rows)
    return {
      ...{ vectors, rows },
      ...(queries && { queries }),
      ...(metric && { metric }),
      ...(neighbours && { neighbours }),
    }
  } catch (error) {
    if (error instanceof SimdgresError) throw error
    throw file.undecodable('HDF5', (error as Error).message, error)
  } finally {
    opened?.close()
  }
}

async function loadLibrary() {
  try {
    return (await import('h5wasm/node')).default
  } catch (error) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      'HDF5 files are read by the package h5wasm, which is not installed here',
      'Install it beside simdgres: npm install h5wasm.',
      { cause: error },
    )
  }
}

/** The library opens anything, and fails later without a reason. */
async function checkSignature(file: VectorFile): Promise<void> {
  const signature = '\x89HDF\r\n\x1a\n'
  const start = await file.read(0, signature.length, 'signature')
  if (start.toString('latin1') !== signature)
    throw file.undecodable('HDF5', 'it does not begin as HDF5 files do')
}

type Library = Awaited<ReturnType<typeof loadLibrary>>

function findMatrix(
  file: VectorFile,
  opened: Hdf5File,
  name: string,
  library: Library,
): Hdf5Dataset | undefined {
  const found = opened.keys().includes(name) ? opened.get(name) : undefined
  if (!(found instanceof library.Dataset)) return undefined
  const [rows, dims, ...more] = found.shape ?? []
  if (rows === undefined || dims === undefined || more.length > 0) {
    throw unsupported(file, name, `an array of ${found.shape?.length ?? 0} dimensions`)
  }
  if (!/^[<>|=]?[bBhHiIlLqQefd]$/.test(String(found.dtype)))
    throw unsupported(file, name, `values of type ${String(found.dtype)}`)
  if (rows < 1 || dims < 1 || dims > maxDims) throw unsupported(file, name, `${rows} rows of ${dims} dims`)
  return found
}

/** Nothing where it is not of these queries. */
function readNeighbours(
  file: VectorFile,
  data: Hdf5Dataset,
  queries: number | undefined,
): Neighbours | undefined {
  const [rows, columns] = data.shape as [number, number]
  if (rows !== queries) return undefined
  file.checkMemory(rows * columns)
  const values = data.slice([
    [0, rows],
    [0, columns],
  ]) as ArrayLike<number | bigint> | null
  return values === null ? undefined : { data: Float64Array.from(values, Number), rows, columns }
}

function readMatrix(
  file: VectorFile,
  data: Hdf5Dataset,
  name: string,
  { onShape }: ReadOptions,
  chosen?: Uint32Array,
): Matrix {
  const [rows, dims] = data.shape as [number, number]
  const matrix = file.allocate(chosen?.length ?? rows, dims, onShape)
  const batch = Math.max(1, Math.floor(batchValues / dims))
  let slot = 0
  for (const { first, rows: wanted } of listSpans(chosen, rows, 4 * dims, batch)) {
    file.checkAbort()
    const until = wanted.at(-1)! + 1
    const values = data.slice([
      [first, until],
      [0, dims],
    ]) as ArrayLike<number | bigint> | null
    if (values === null || values.length !== (until - first) * dims) {
      throw file.undecodable('HDF5', `rows ${first} to ${until} of "${name}" cannot be read`)
    }
    for (const row of wanted) {
      const start = (row - first) * dims
      for (let i = 0; i < dims; i++) {
        const value = Math.fround(Number(values[start + i]))
        if (!Number.isFinite(value)) {
          throw file.wrongRow(
            row,
            `a finite f32 value in dimension ${i} of "${name}"`,
            String(values[start + i]),
          )
        }
        matrix.data[slot * dims + i] = value
      }
      slot++
    }
  }
  return matrix
}

function unsupported(file: VectorFile, name: string, found: string): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${file.path} has ${found} in "${name}": expected numbers, rows x dims, with 1 to ${maxDims} dims`,
    'Name a file as ann-benchmarks has them.',
  )
}
