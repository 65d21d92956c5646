import { SimdgresError } from '../../errors.js'
import { type Element, elements } from './elements.js'
import { type Layout, maxDims, type VectorFile } from './vector-file.js'

const magic = '\x93NUMPY'
/** NumPy writes about 120 bytes; the header of a plain two-dimensional array cannot be longer than this. */
const maxHeaderBytes = 65_536

/** The types that are read, by NumPy's code: kind (float, int, unsigned, bool) and bytes. */
const types: Readonly<Record<string, Element>> = {
  f8: elements.f64,
  f4: elements.f32,
  f2: elements.f16,
  i8: elements.i64,
  i4: elements.i32,
  i2: elements.i16,
  i1: elements.i8,
  u8: elements.u64,
  u4: elements.u32,
  u2: elements.u16,
  u1: elements.u8,
  b1: elements.u8,
}

/** Whether the content of a file is .npy, whatever its name. */
export async function isNpy(file: VectorFile): Promise<boolean> {
  return file.bytes >= magic.length && startsAsNpy(await file.read(0, magic.length, 'magic'))
}

/** @param start the first bytes of a file, at least 6. */
export function startsAsNpy(start: Buffer): boolean {
  return start.toString('latin1', 0, magic.length) === magic
}

/**
 * .npy versions 1 to 3: magic, version, the length of the header (uint16, from version 2 on uint32), the header (a
 * Python dictionary of descr, fortran_order and shape), then all values, row by row or, in Fortran order, column by
 * column. Rejects with ERR_INVALID_ARGUMENT if the file is intact but not a two-dimensional array of numbers.
 */
export async function locateNpy(file: VectorFile): Promise<Layout> {
  const fixed = await file.read(0, 10, 'magic, version and length')
  if (!startsAsNpy(fixed)) {
    throw file.damaged(0, JSON.stringify(magic), JSON.stringify(fixed.toString('latin1', 0, magic.length)))
  }
  const version = fixed[6]!
  if (version < 1 || version > 3) throw file.damaged(6, 'version 1, 2 or 3', `${version}`)
  const lengthAt = 8
  const lengthBytes = version === 1 ? 2 : 4
  const headerBytes = (await file.read(lengthAt, lengthBytes, 'header length')).readUIntLE(0, lengthBytes)
  if (headerBytes > maxHeaderBytes) {
    throw file.damaged(lengthAt, `a header of at most ${maxHeaderBytes} bytes`, `${headerBytes}`)
  }
  const headerAt = lengthAt + lengthBytes
  const header = (await file.read(headerAt, headerBytes, 'header')).toString('latin1')
  const layout: Layout = {
    start: headerAt + headerBytes,
    prefixBytes: 0,
    ...parseHeader(file, header, headerAt),
  }
  file.checkSize(layout)
  return layout
}

type Array2d = Pick<Layout, 'rows' | 'dims' | 'element' | 'bigEndian' | 'byColumns'>

function parseHeader(file: VectorFile, header: string, headerAt: number): Array2d {
  const field = (name: string, value: string) => {
    const match = new RegExp(`['"]${name}['"]\\s*:\\s*(${value})`).exec(header)?.[1]
    if (match === undefined)
      throw file.damaged(headerAt, `a header with ${name}`, JSON.stringify(header.slice(0, 200)))
    return match
  }
  const descr = field('descr', `'[^']*'|"[^"]*"|\\[`)
  const [, order, type] = /^['"]([<>|=])(\w+)['"]$/.exec(descr) ?? []
  const element = types[type ?? '']
  if (element === undefined) {
    throw unsupported(
      file,
      `values of type ${descr === '[' ? 'a record' : descr}`,
      `numbers of the types ${Object.keys(types).join(', ')}`,
      "Save it with numpy.save(path, array.astype('<f4')).",
    )
  }
  const byColumns = field('fortran_order', 'True|False') === 'True'
  const shape = field('shape', '\\([\\d, L]*\\)').match(/\d+/g)?.map(Number) ?? []
  const [rows, dims] = shape
  if (shape.length !== 2 || rows === undefined || dims === undefined) {
    const found = `an array of ${shape.length} dimensions`
    const expected = 'a two-dimensional array, rows x dims'
    throw unsupported(file, found, expected, 'Save it with numpy.save(path, array.reshape(rows, dims)).')
  }
  if (rows < 1 || rows > 2 ** 32 - 1 || dims < 1 || dims > maxDims) {
    const expected = `1 to 4294967295 rows of 1 to ${maxDims} dims`
    throw unsupported(
      file,
      `${rows} rows of ${dims} dims`,
      expected,
      'Save vectors with numpy.save, a row each.',
    )
  }
  return { rows, dims, element, bigEndian: order === '>', byColumns }
}

function unsupported(file: VectorFile, found: string, expected: string, hint: string): SimdgresError {
  return new SimdgresError('ERR_INVALID_ARGUMENT', `${file.path} holds ${found}: expected ${expected}`, hint)
}
