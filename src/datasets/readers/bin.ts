import { type Element, elements } from './elements.js'
import type { Layout, VectorFile } from './vector-file.js'

/** .fbin .u8bin .i8bin (big-ann-benchmarks): rows and dims (uint32 each), then all values. */
async function locateRows(file: VectorFile, element: Element): Promise<Layout> {
  const header = await file.read(0, 8, 'rows and dims')
  const rows = header.readUInt32LE(0)
  const dims = header.readUInt32LE(4)
  if (rows < 1) throw file.damaged(0, 'at least 1 row', `${rows}`)
  file.checkDims(dims, 4)
  const layout: Layout = { start: 8, rows, dims, element, prefixBytes: 0 }
  file.checkSize(layout)
  return layout
}

export const locateFbin = (file: VectorFile) => locateRows(file, elements.f32)
export const locateU8bin = (file: VectorFile) => locateRows(file, elements.u8)
export const locateI8bin = (file: VectorFile) => locateRows(file, elements.i8)
