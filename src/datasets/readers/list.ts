import { extname } from 'node:path'
import { invalidArgument } from '../../errors.js'
import type { Matrix } from '../dataset.js'
import { locateFbin, locateI8bin, locateU8bin } from './bin.js'
import { readHdf5 } from './hdf5.js'
import { isNpy, locateNpy } from './npy.js'
import { readParquet } from './parquet.js'
import { locateBvecs, locateFvecs, locateIvecs } from './vecs.js'
import { type FoundVectors, type Layout, type ReadOptions, VectorFile } from './vector-file.js'

/** Of a format of plain rows. */
interface RowReader<Kind> {
  readonly extension: string
  /** Vectors to search with, or ids (neighbours of queries) that have to stay integers. */
  readonly kind: Kind
  /** Reads the header, finds the rows, and checks that the file is exactly as long as they require. */
  readonly locate: (file: VectorFile) => Promise<Layout>
}

/** Of a format that a library decodes. */
interface DecodingReader {
  readonly extension: string
  readonly kind: 'vectors'
  readonly decode: (file: VectorFile, options: ReadOptions) => Promise<FoundVectors>
}

type Reader = RowReader<'vectors'> | RowReader<'ids'> | DecodingReader

const npy: RowReader<'vectors'> = { extension: '.npy', kind: 'vectors', locate: locateNpy }

/** Every file format; a new one is one file in this folder and one row here. */
const readers: readonly Reader[] = [
  { extension: '.fvecs', kind: 'vectors', locate: locateFvecs },
  { extension: '.bvecs', kind: 'vectors', locate: locateBvecs },
  { extension: '.ivecs', kind: 'ids', locate: locateIvecs },
  { extension: '.fbin', kind: 'vectors', locate: locateFbin },
  { extension: '.u8bin', kind: 'vectors', locate: locateU8bin },
  { extension: '.i8bin', kind: 'vectors', locate: locateI8bin },
  npy,
  {
    extension: '.parquet',
    kind: 'vectors',
    decode: readParquet,
  },
  { extension: '.hdf5', kind: 'vectors', decode: readHdf5 },
  { extension: '.h5', kind: 'vectors', decode: readHdf5 },
]

export const vectorExtensions: readonly string[] = extensionsOf('vectors')

function extensionsOf(kind: Reader['kind']): string[] {
  return readers.filter((reader) => reader.kind === kind).map((reader) => reader.extension)
}

export function findReader(path: string): Reader | undefined {
  const extension = extname(path).toLowerCase()
  return readers.find((reader) => reader.extension === extension)
}

/** The vectors of a file; see `readVectorFile`. */
export async function readVectors(path: string, options: ReadOptions = {}): Promise<Matrix> {
  return (await readVectorFile(path, options)).vectors
}

/**
 * Reads a file of vectors as f32. Its extension tells the format; .npy is also recognised by its content. Rejects with
 * ERR_INVALID_ARGUMENT (no such file, not a file of vectors), ERR_CORRUPT_DATA (naming the file, the place, what was
 * expected and what was found), ERR_UNAVAILABLE (a package that decodes the format is missing), ERR_RESOURCE or ERR_ABORTED.
 */
export async function readVectorFile(path: string, options: ReadOptions = {}): Promise<FoundVectors> {
  return VectorFile.use(path, options, async (file) => {
    const reader =
      findReader(path) === undefined && (await isNpy(file)) ? npy : requireReader(path, 'vectors')
    if ('decode' in reader) return reader.decode(file, options)
    const layout = await reader.locate(file)
    const { rows, dims } = layout
    const chosen = options.choose?.(rows, false)
    const vectors = file.allocate(chosen?.length ?? rows, dims, options.onShape)
    await file.readRows(layout, vectors.data, chosen)
    return { vectors, rows }
  })
}

/** Ids of neighbours, row-major: `data.length === rows * dims`. */
export interface IdMatrix {
  readonly data: Int32Array
  readonly rows: number
  readonly dims: number
}

/** Reads a file of ids (.ivecs). Rejects as `readVectors` does. */
export async function readIds(path: string, options: ReadOptions = {}): Promise<IdMatrix> {
  return VectorFile.use(path, options, async (file) => {
    const layout = await requireReader(path, 'ids').locate(file)
    const { rows, dims } = layout
    file.checkMemory(rows * dims)
    const data = new Int32Array(rows * dims)
    await file.readRows(layout, data)
    return { data, rows, dims }
  })
}

function requireReader<Kind extends Reader['kind']>(
  path: string,
  kind: Kind,
): Extract<Reader, { kind: Kind }> {
  const reader = findReader(path)
  if (reader?.kind === kind) return reader as Extract<Reader, { kind: Kind }>
  throw invalidArgument('file', `a file of ${kind} that ends in ${extensionsOf(kind).join(', ')}`, path)
}
