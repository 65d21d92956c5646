import { types } from 'node:util'
import { invalidArgument, SimdgresError } from '../errors.js'
import type { Filter } from './addon.js'
import { bufferOf, lengthOf, typeNameOf } from './typed-array.js'

/** Checks of what callers pass, with messages that say what to do. The native side checks again, and its word counts. */

export function requireInteger(name: string, value: unknown, smallest: number, largest: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < smallest || value > largest) {
    throw invalidArgument(name, `an integer from ${smallest} to ${largest}`, value)
  }
  return value
}

/** A finite number; `smallest` says whether there may be negative ones. */
export function requireFinite(name: string, value: unknown, smallest = Number.NEGATIVE_INFINITY): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= smallest) return value
  throw invalidArgument(name, smallest === 0 ? 'a finite number, at least 0' : 'a finite number', value)
}

export function requireOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw invalidArgument(name, `one of ${allowed.join(', ')}`, value)
  return found
}

/** The number of values in a Float32Array of any realm that is not empty, over an ArrayBuffer or a SharedArrayBuffer. */
export function requireFloat32(name: string, value: unknown): number {
  if (!types.isFloat32Array(value)) throw invalidArgument(name, 'a Float32Array', value)
  return requireValues(name, value)
}

/** The number of elements of a view that is neither empty nor detached; a detached view has none. */
export function requireValues(name: string, view: ArrayBufferView): number {
  const length = lengthOf(view)
  if (length > 0) return length
  throw isDetached(bufferOf(view))
    ? new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `Expected readable memory for ${name} but its buffer is detached`,
        'Do not transfer the buffer to another thread, or pass a copy.',
      )
    : new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `Expected at least one value for ${name} but received an empty ${typeNameOf(view)}`,
        'Pass a typed array with values in it.',
      )
}

/** A filter of so many rows, or nothing. The ids in it are checked where they are read. */
export function requireFilter(name: string, value: unknown, rows: number): Filter | undefined {
  if (value === undefined) return undefined
  const bytes = Math.ceil(rows / 8)
  if (types.isUint32Array(value)) {
    // No id at all: no row passes.
    if (lengthOf(value) === 0 && !isDetached(bufferOf(value))) return new Uint8Array(bytes)
    requireValues(name, value)
    return value
  }
  if (!types.isUint8Array(value))
    throw invalidArgument(name, 'a Uint8Array of bits or a Uint32Array of ids', value)
  const length = requireValues(name, value)
  if (length === bytes) return value
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `Expected ${bytes} bytes for ${name} but received ${length} of them`,
    `Pass a bit for each of the ${rows} rows: row r is bit r % 8 of byte r / 8. Ids belong in a Uint32Array.`,
  )
}

/** Ids of rows below `rows`; nothing where there are none. They are checked again where they are read. */
export function requireIds(name: string, value: unknown, rows: number): Uint32Array | undefined {
  if (types.isUint32Array(value)) {
    if (lengthOf(value) === 0 && !isDetached(bufferOf(value))) return undefined
    requireValues(name, value)
    return value
  }
  if (!Array.isArray(value)) throw invalidArgument(name, 'a Uint32Array or an array of ids', value)
  const ids = Uint32Array.from(value, (id: unknown) => requireInteger(name, id, 0, rows - 1))
  return ids.length === 0 ? undefined : ids
}

/** The number of rows of `dims` values in `length` values, which have to be whole rows. */
export function requireRows(name: string, length: number, dims: number): number {
  if (length % dims !== 0) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `Expected a multiple of ${dims} values for ${name} but received ${length} of them`,
      `Pass whole vectors of ${dims} values each, one after another.`,
    )
  }
  return length / dims
}

/** An AbortSignal, also another realm's, or nothing. */
export function requireSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal || isLikeSignal(value)) return value
  throw invalidArgument(name, 'an AbortSignal', value)
}

/** A function, or nothing. */
export function requireFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value
  throw invalidArgument(name, 'a function', value)
}

function isLikeSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Record<string, unknown>
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  )
}

/** ArrayBuffer.prototype.detached exists only from Node 21 on. */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (types.isSharedArrayBuffer(buffer) || buffer.byteLength > 0) return false
  try {
    // This realm's own, so that the error is this realm's, too.
    ArrayBuffer.prototype.slice.call(buffer, 0)
    return false
  } catch (error) {
    if (error instanceof TypeError) return true
    throw error
  }
}
