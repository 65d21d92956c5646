import { type Element, elements } from './elements.js'
import type { Layout, VectorFile } from './vector-file.js'

/**
 * .fvecs .ivecs .bvecs (corpus-texmex.irisa.fr): rows one after another, each with its dims (int32) before its values.
 */
async function locateRows(file: VectorFile, element: Element): Promise<Layout> {
  const dims = (await file.read(0, 4, 'dims of row 0')).readInt32LE(0)
  file.checkDims(dims, 0)
  const rows = Math.floor(file.bytes / (4 + dims * element.bytes))
  // A file that ends inside a row has to have one row more.
  const ends = file.bytes % (4 + dims * element.bytes) === 0
  const layout: Layout = { start: 0, rows: ends ? rows : rows + 1, dims, element, prefixBytes: 4 }
  file.checkSize(layout)
  return layout
}

export const locateFvecs = (file: VectorFile) => locateRows(file, elements.f32)
export const locateIvecs = (file: VectorFile) => locateRows(file, elements.i32)
export const locateBvecs = (file: VectorFile) => locateRows(file, elements.u8)
