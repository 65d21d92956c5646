import { invalidArgument, SimdgresError } from '../errors.js'

/** Checks of what callers pass; the native side trusts its arguments. */

export function requireInteger(name: string, value: unknown, smallest: number, largest: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < smallest || value > largest) {
    throw invalidArgument(name, `an integer from ${smallest} to ${largest}`, value)
  }
  return value
}

export function requireOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw invalidArgument(name, `one of ${allowed.join(', ')}`, value)
  return found
}

/** A Float32Array that is not empty, backed by an ArrayBuffer or a SharedArrayBuffer. */
export function requireFloat32(name: string, value: unknown): Float32Array {
  if (!(value instanceof Float32Array)) throw invalidArgument(name, 'a Float32Array', value)
  requireValues(name, value)
  return value
}

/** Neither empty nor detached; a detached view has length 0. */
export function requireValues(name: string, view: ArrayBufferView & { readonly length: number }): void {
  if (view.length > 0) return
  throw isDetached(view.buffer)
    ? new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `Expected readable memory for ${name} but its buffer is detached`,
        'Do not transfer the buffer to another thread, or pass a copy.',
      )
    : new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `Expected at least one value for ${name} but received an empty ${view.constructor.name}`,
        'Pass a typed array with values in it.',
      )
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

/** An AbortSignal, or nothing. */
export function requireSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw invalidArgument(name, 'an AbortSignal', value)
}

/** ArrayBuffer.prototype.detached exists only from Node 21 on. */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer instanceof SharedArrayBuffer || buffer.byteLength > 0) return false
  try {
    buffer.slice(0)
    return false
  } catch (error) {
    if (error instanceof TypeError) return true
    throw error
  }
}
