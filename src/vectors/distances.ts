import { types as is } from 'node:util'
import { invalidArgument, SimdgresError } from '../errors.js'
import { addon, callNative, ops, types } from './addon.js'
import { requireValues } from './arguments.js'
import { lengthOf, typeNameOf } from './typed-array.js'

/**
 * Distances between two vectors of the same length, computed with the widest instruction set the machine has. The type
 * of the array (of any realm) is the type of the elements: Float32Array, Int8Array, or Uint8Array for bits (eight to a byte). A
 * Uint16Array could hold anything, so a third argument, `'f16'`, states that it holds IEEE 754 half-precision numbers.
 *
 * For short vectors the call itself costs more than the distance: to compare with many vectors, use VectorSet.
 *
 * All of them throw SimdgresError ERR_INVALID_ARGUMENT for arrays that differ in type or length, are empty or detached.
 */

type Op = (typeof ops)[number]
type Type = (typeof types)[number]
type Numbers = Float32Array | Int8Array | Uint16Array

/** A distance between two vectors of the same type and length; a `Uint16Array` holds half-precision floats. */
export interface NumericDistance {
  (a: Float32Array, b: Float32Array): number
  (a: Int8Array, b: Int8Array): number
  (a: Uint16Array, b: Uint16Array, type: 'f16'): number
}

/** Σ a·b. */
export const dot: NumericDistance = numeric('dot')
/** Σ (a-b)². */
export const l2sq: NumericDistance = numeric('l2sq')
/** Σ |a-b|. */
export const l1: NumericDistance = numeric('l1')
/** 1 - a·b / (|a||b|), from 0 to 2; NaN when a norm is zero. */
export const cosine: NumericDistance = numeric('cosine')

/** √(Σ a²). */
export function norm(a: Float32Array): number
export function norm(a: Int8Array): number
export function norm(a: Uint16Array, type: 'f16'): number
export function norm(a: Numbers, type?: 'f16'): number {
  const index = types.indexOf(typeOf('a', a, type))
  return callNative(() => addon().norm(index, a))
}

/** Number of differing bits. */
export function hamming(a: Uint8Array, b: Uint8Array): number {
  return measureBits('hamming', a, b)
}

/** 1 - |a and b| / |a or b| over the bits that are set; 1 if they share none. */
export function jaccard(a: Uint8Array, b: Uint8Array): number {
  return measureBits('jaccard', a, b)
}

function numeric(op: Op): NumericDistance {
  return (a: Numbers, b: Numbers, type?: 'f16') => {
    const left = typeOf('a', a, type)
    const right = typeOf('b', b, type)
    if (left !== right) throw invalidArgument('b', `a ${typeNameOf(a)}, as a is`, b)
    return measure(op, left, a, b)
  }
}

function measureBits(op: Op, a: Uint8Array, b: Uint8Array): number {
  requireBits('a', a)
  requireBits('b', b)
  return measure(op, 'b1', a, b)
}

function measure(op: Op, type: Type, a: Numbers | Uint8Array, b: Numbers | Uint8Array): number {
  const lengths = [lengthOf(a), lengthOf(b)]
  if (lengths[0] !== lengths[1]) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `Expected vectors of the same length but a has ${lengths[0]} elements and b has ${lengths[1]}`,
      'Compare vectors of the same model and dimension.',
    )
  }
  return callNative(() => addon().distance(ops.indexOf(op), types.indexOf(type), a, b))
}

function typeOf(name: string, value: unknown, type: unknown): Type {
  if (is.isFloat32Array(value) && type === undefined) {
    requireValues(name, value)
    return 'f32'
  }
  if (is.isInt8Array(value) && type === undefined) {
    requireValues(name, value)
    return 'i8'
  }
  if (is.isUint16Array(value)) {
    if (type !== 'f16') throw invalidArgument('type', "'f16' with a Uint16Array", type)
    requireValues(name, value)
    return 'f16'
  }
  if (type !== undefined) throw invalidArgument(name, 'a Uint16Array with the type given', value)
  throw invalidArgument(name, 'a Float32Array, Int8Array or Uint16Array', value)
}

function requireBits(name: string, value: unknown): void {
  if (!is.isUint8Array(value)) throw invalidArgument(name, 'a Uint8Array of bits', value)
  requireValues(name, value)
}
