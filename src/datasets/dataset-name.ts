import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { sep } from 'node:path'
import { invalidArgument } from '../errors.js'
import { errnoOf, toStorageError } from '../system/storage-error.js'
import { findReader, vectorExtensions } from './readers/list.js'
import { startsAsNpy } from './readers/npy.js'
import { sources } from './sources/list.js'
import type { Source } from './sources/source.js'
import { type NamedShape, parseSynthetic, syntheticForm } from './synthetic.js'

/** What the name of a data set refers to. */
export type NamedDataset =
  | { readonly kind: 'source'; readonly source: Source }
  | { readonly kind: 'synthetic'; readonly shape: NamedShape }
  | { readonly kind: 'file'; readonly path: string }

/**
 * What `name` refers to. A name that is also a file of vectors means the file. At most the first bytes of a file are read.
 * Throws ERR_INVALID_ARGUMENT if it cannot name a data set.
 */
export function readDatasetName(name: string): NamedDataset {
  if (findReader(name)?.kind === 'vectors' || isPath(name)) return { kind: 'file', path: name }
  const start = readStart(name)
  if (start !== undefined && startsAsNpy(start)) return { kind: 'file', path: name }
  const source = sources.find((candidate) => candidate.name === name)
  if (source !== undefined) return { kind: 'source', source }
  const shape = parseSynthetic(name)
  if (shape !== undefined) return { kind: 'synthetic', shape }
  const names = sources.map((candidate) => candidate.name).join(', ')
  const expected = `${names}, ${syntheticForm} or the path of a file that ends in ${vectorExtensions.join(', ')}`
  throw invalidArgument('dataset', expected, name, 'Run simdgres data to see what there is.')
}

function isPath(name: string): boolean {
  return name.includes('/') || name.includes(sep)
}

/** The first bytes of a regular file; undefined if there is no such file. */
function readStart(name: string): Buffer | undefined {
  let file: number | undefined
  try {
    // Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
    file = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!fstatSync(file).isFile()) return undefined
    const start = Buffer.alloc(16)
    return start.subarray(0, readSync(file, start, 0, start.length, 0))
  } catch (error) {
    if (['ENOENT', 'ENAMETOOLONG', 'EACCES', 'ENXIO'].includes(errnoOf(error) ?? '')) return undefined
    throw toStorageError(error, `looking at ${name}`, 'named')
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
