import { SimdgresError } from '../../errors.js'
import { type Element, elements } from './elements.js'
import type { Layout, VectorFile } from './vector-file.js'

const magic = '\x93NUMPY'
/** NumPy writes about 120 bytes; the header of a plain two-dimensional array cannot be longer than this. */
const maxHeaderBytes = 65_536

/** `descr` of NumPy's dtypes that have a place here. */
const dtypes: Readonly<Record<string, Element>> = {
  '<f8': elements.f64,
  '<f4': elements.f32,
  '<f2': elements.f16,
  '|i1': elements.i8,
  '|u1': elements.u8,
}

/**
 * .npy versions 1 to 3: magic, version, the length of the header (uint16, from version 2 on uint32), the header (a
 * Python dictionary of descr, fortran_order and shape), then all values. Rejects with ERR_INVALID_ARGUMENT what is
 * sound but not a two-dimensional array of numbers in C order.
 */
export async function locateNpy(file: VectorFile): Promise<Layout> {
  const fixed = await file.read(0, 10, 'magic, version and length')
  const found = fixed.toString('latin1', 0, magic.length)
  if (found !== magic) throw file.damaged(0, JSON.stringify(magic), JSON.stringify(found))
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
  const { rows, dims, element } = parseHeader(file, header, headerAt)
  const layout: Layout = { start: headerAt + headerBytes, rows, dims, element, prefixBytes: 0 }
  file.checkSize(layout)
  return layout
}

function parseHeader(file: VectorFile, header: string, headerAt: number) {
  const field = (name: string, value: string) => {
    const match = new RegExp(`'${name}':\\s*(${value})`).exec(header)?.[1]
    if (match === undefined)
      throw file.damaged(headerAt, `a header with ${name}`, JSON.stringify(header.slice(0, 200)))
    return match
  }
  const descr = field('descr', "'[^']*'|\\[")
  const element = dtypes[descr.slice(1, -1)]
  if (element === undefined) {
    throw unsupported(
      file,
      `values of type ${descr === '[' ? 'a record' : descr}`,
      Object.keys(dtypes).join(', '),
    )
  }
  if (field('fortran_order', 'True|False') === 'True') throw unsupported(file, 'Fortran order', 'C order')
  const shape = field('shape', '\\([\\d, L]*\\)').match(/\d+/g)?.map(Number) ?? []
  const [rows, dims] = shape
  if (shape.length !== 2 || rows === undefined || dims === undefined) {
    throw unsupported(file, `an array of ${shape.length} dimensions`, 'a two-dimensional array, rows x dims')
  }
  if (rows < 1 || rows > 2 ** 32 - 1) throw file.damaged(headerAt, '1 to 4294967295 rows', `${rows}`)
  file.checkDims(dims, headerAt)
  return { rows, dims, element }
}

function unsupported(file: VectorFile, found: string, expected: string): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${file.path} holds ${found}: expected ${expected}`,
    "Save it with numpy.save(path, numpy.ascontiguousarray(array, dtype='<f4')).",
  )
}
