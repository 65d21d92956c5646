import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve, sep } from 'node:path'
import { SimdgresError } from '../errors.js'
import { packageRoot } from '../system/cache-folder.js'

declare const setBrand: unique symbol
declare const buildBrand: unique symbol
declare const tokenBrand: unique symbol
declare const resultBrand: unique symbol
/** A native set. Its memory is freed by `closeSet` or by the garbage collector. */
export type SetHandle = {
  readonly [setBrand]: true
  readonly dims: number
  readonly metric: number
}

/** Ids that a set has given, rows that are there, and its memory. */
export interface SetSize {
  readonly rows: number
  readonly size: number
  readonly bytes: number
}
/** A set that is being filled, and cannot be searched yet. */
export type BuildHandle = { readonly [buildBrand]: true }
/** A search, or the making of a set, that can be cancelled. */
export type SearchToken = { readonly [tokenBrand]: true }

/** The result of a search, still in native memory: `count` ids and distances, and offsets of a search with a radius. */
export type ResultHandle = {
  readonly [resultBrand]: true
  readonly count: number
  readonly offsets: number
  readonly stats: SearchStats
}

/** Rows that a search is about: a bit for each, or their ids. */
export type Filter = Uint8Array | Uint32Array

/** What a search looked at, over all its queries. What queries of a call share is counted once in `bytes`. */
export interface SearchStats {
  /** Rows whose float32 values were compared: all that pass the filter, unless the set has codes. */
  readonly scanned: number
  /** Rows whose codes of the first level were looked at: all that pass the filter, if the set has codes. */
  readonly level1: number
  /** Rows that the level before could not rule out, so that this level's codes were read; 0 without the level. */
  readonly level2: number
  readonly level3: number
  /** Rows that nothing could rule out: they were measured in float64. */
  readonly exact: number
  /** Bytes of vectors and codes that were read. */
  readonly bytes: number
}

/**
 * What native/node/addon.cc exports. It reads each argument once and checks it: what it refuses is an Error with the code
 * ERR_INVALID_ARGUMENT, without a next step, so only this folder calls it.
 */
export interface NativeAddon {
  createSet(data: Float32Array, dims: number, metric: number, codes: 0 | 1): SetHandle
  closeSet(set: SetHandle): void
  /** Reserves the memory of a set, with the arguments of `createSet`; copies nothing. */
  beginSet(data: Float32Array, dims: number, metric: number, codes: 0 | 1): BuildHandle
  /** Copies the next 2 MiB of the same data; returns the number of values copied so far. */
  fillSet(build: BuildHandle, data: Float32Array): number
  /** Once it is full. Undefined: it was cancelled. */
  startBuild(build: BuildHandle): {
    readonly done: Promise<SetHandle | undefined>
    readonly token: SearchToken
  }
  /** Frees what was reserved, unless it has been started. */
  dropBuild(build: BuildHandle): void
  /** From 0 to 1. */
  progress(token: SearchToken): number
  startSearch(
    set: SetHandle,
    queries: Float32Array,
    k: number,
    threads: number,
    filter?: Filter,
    radius?: number,
  ): { readonly done: Promise<ResultHandle | undefined>; readonly token: SearchToken }
  cancelSearch(token: SearchToken): void
  /** With a radius, a finite number: of the rows that are not farther than this the k nearest, be there fewer. */
  searchSync(
    set: SetHandle,
    queries: Float32Array,
    k: number,
    threads: number,
    filter?: Filter,
    radius?: number,
  ): ResultHandle
  /** Copies a result into arrays of the right length and frees its native memory. */
  takeResult(result: ResultHandle, ids: Uint32Array, distances: Float64Array, offsets?: Uint32Array): void
  sizeOf(set: SetHandle): SetSize
  /** The id of the first of the rows; the others follow it. */
  addRows(set: SetHandle, rows: Float32Array): number
  /** How many of these rows were still there. */
  removeRows(set: SetHandle, ids: Uint32Array): number
  setRow(set: SetHandle, id: number, vector: Float32Array): void
  /** Off the event loop. Failures of files are Errors with a code of ours and a hint. */
  saveSet(set: SetHandle, path: string): Promise<void>
  startOpen(path: string, verify: 0 | 1): Promise<SetHandle>
  openSet(path: string, verify: 0 | 1): SetHandle
  distance(op: number, type: number, a: ArrayBufferView, b: ArrayBufferView): number
  norm(type: number, a: ArrayBufferView): number
  capabilities(): { version: string; isa: string; available: string; cpuFeatures: string }
  measureReadBandwidth(): Promise<number>
}

/** Indexes are those of the enums in native/kernels/include/simdgres.h. */
export const types = ['f32', 'f16', 'i8', 'b1'] as const
export const ops = ['dot', 'l2sq', 'l1', 'cosine', 'hamming', 'jaccard'] as const

let loaded: NativeAddon | undefined

/** The error of ours for what the native side refused; undefined for other failures. */
export function explainRefusal(error: unknown): SimdgresError | undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_ARGUMENT')) return undefined
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    error.message,
    error.message.includes('for codes')
      ? 'Leave out such rows, or make the set without codes.'
      : error.message.includes('for filter but')
        ? 'Pass row numbers of this set in a Uint32Array, or a bit for each of its rows in a Uint8Array.'
        : / for ids? but /.test(error.message)
          ? 'Pass ids that this set has given. Rows that have been removed can be added again, under new ids.'
          : 'Pass plain typed arrays, and do not change, transfer or grow them before the call has returned.',
    { cause: error },
  )
}

/** @throws SimdgresError ERR_INVALID_ARGUMENT for what the native side refuses. */
export function callNative<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw explainRefusal(error) ?? error
  }
}

/**
 * The native addon, loaded on first use.
 * @throws SimdgresError ERR_UNAVAILABLE listing everything that was tried, ERR_INVALID_ARGUMENT for a bad SIMDGRES_ISA.
 */
export function addon(): NativeAddon {
  loaded ??= load()
  return loaded
}

function load(): NativeAddon {
  // Any absolute file will do: candidates are absolute, and a bundle of CommonJS has no import.meta.url.
  const require = createRequire(resolve('simdgres.js'))
  const failures: Error[] = []
  for (const path of candidates()) {
    try {
      return require(path) as NativeAddon
    } catch (error) {
      if (!(error instanceof Error)) throw error
      // The file loads, so another copy of it would say the same.
      if (error.message.startsWith('SIMDGRES_ISA=')) throw wrongIsa(error)
      failures.push(new Error(`${path}: ${firstLine(error)}`, { cause: error }))
    }
  }
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `The native addon could not be loaded. Tried, in order:\n${failures.map((f) => `  ${f.message}`).join('\n')}`,
    nextStep(),
    { cause: new AggregateError(failures) },
  )
}

/** An explicit path is the only candidate: silently loading another addon would mislead. */
function candidates(): readonly string[] {
  const explicit = process.env['SIMDGRES_ADDON']
  if (explicit) return [resolve(explicit)]
  return [
    resolve(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`, 'simdgres.node'),
    resolve(packageRoot, 'build', 'Release', 'simdgres.node'),
  ]
}

/** The command works where it is typed: a user's project has no script of ours, and a bundle has no package at all. */
function nextStep(): string {
  if (!existsSync(resolve(packageRoot, 'CMakeLists.txt'))) {
    return 'This code is part of a bundle: tell the bundler to leave simdgres out (esbuild: --external:simdgres), or set SIMDGRES_ADDON to the path of simdgres.node.'
  }
  const isInstalled = packageRoot.split(sep).includes('node_modules')
  const command = isInstalled ? `npm --prefix ${quote(packageRoot)} run build:native` : 'npm run build:native'
  return `Build it with: ${command} (needs CMake and a C++ compiler).`
}

function quote(path: string): string {
  return /^[\w/.@-]+$/.test(path) ? path : JSON.stringify(path)
}

function wrongIsa(error: Error): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    error.message,
    'Set SIMDGRES_ISA to scalar, avx2 or avx512, or leave it unset to use the best this machine runs.',
    { cause: error },
  )
}

function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0] ?? ''
}
