import { describe, expect, it } from 'vitest'
import { numberToHalf } from '#src/datasets/readers/half-precision.js'
import { explainServerError } from '#src/paths/server/server-errors.js'
import {
  encodeParameter,
  halfvecFormat,
  realArrayFormat,
  vectorFormat,
} from '#src/paths/server/vector-codec.js'

describe('binary formats', () => {
  it('of vector: dims, unused, float4 values, big-endian', () => {
    const bytes = encodeParameter(vectorFormat, Float32Array.of(1, -2.5))
    expect(bytes.toString('hex')).toBe('00020000' + '3f800000' + 'c0200000')
  })

  it('of real[]: one dimension of float4 from 1 on, no nulls, a length before every value', () => {
    const bytes = encodeParameter(realArrayFormat, Float32Array.of(1, -2.5))
    const header = `${'00000001'}${'00000000'}${'000002bc'}${'00000002'}${'00000001'}`
    expect(bytes.toString('hex')).toBe(`${header}000000043f80000000000004c0200000`)
  })

  it('of halfvec: dims, unused, float2 values', () => {
    const bytes = encodeParameter(halfvecFormat, Float32Array.of(1, -2.5))
    expect(bytes.toString('hex')).toBe('00020000' + '3c00' + 'c100')
  })

  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [65_504, 0x7bff],
    [65_519, 0x7bff],
    [65_520, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    // Halfway between two: to the even one.
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 + 2 ** -11 + 2 ** -20, 0x3c01],
    // Subnormal, where they lie 2^-24 apart.
    [2 ** -14, 0x0400],
    [2 ** -14 - 2 ** -25, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
  ])('round %d to the nearest half', (value, bits) => {
    expect(numberToHalf(value)).toBe(bits)
  })

  it('reads a view from its own start', () => {
    const view = Float32Array.of(9, 9, 1, -2.5).subarray(2)
    expect(encodeParameter(vectorFormat, view)).toEqual(
      encodeParameter(vectorFormat, Float32Array.of(1, -2.5)),
    )
  })
})

describe('errors of a server', () => {
  const running = new AbortController().signal
  const failure = (message: string, code?: string) => Object.assign(new Error(message), { code })

  it.each([
    ['terminating connection due to administrator command', '57P01', 'ERR_LOST_CONNECTION'],
    ['read ECONNRESET', 'ECONNRESET', 'ERR_LOST_CONNECTION'],
    ['Connection terminated unexpectedly', undefined, 'ERR_LOST_CONNECTION'],
    ['could not extend file: No space left on device', '53100', 'ERR_RESOURCE'],
    ['out of memory', '53200', 'ERR_RESOURCE'],
    ['memory required is 4 MB, maintenance_work_mem is 1 MB', '54000', 'ERR_RESOURCE'],
    ['access method "hnsw" does not exist', '42704', 'ERR_UNAVAILABLE'],
    ['dimensions for type vector cannot exceed 16000', '22023', 'ERR_UNAVAILABLE'],
    ['internal error of an extension', 'XX000', 'ERR_UNAVAILABLE'],
  ])('%s', (message, code, expected) => {
    const error = explainServerError(failure(message, code), 'loading t', running)
    expect(error).toMatchObject({ code: expected })
    expect(error.message).toContain('loading t')
  })

  it('name the parameter that an index build needs more of', () => {
    const error = explainServerError(
      failure('memory required is 4 MB, maintenance_work_mem is 1 MB', '54000'),
      'building i',
      running,
    )
    expect(error).toMatchObject({ hint: expect.stringContaining('--set maintenance_work_mem=') })
  })

  it('after an abort are the abort', () => {
    const error = explainServerError(
      failure('canceling statement', '57014'),
      'loading t',
      AbortSignal.abort(),
    )
    expect(error).toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('that are defects of ours stay as they are', () => {
    const defect = failure('syntax error', '42601')
    expect(explainServerError(defect, 'loading t', running)).toBe(defect)
  })
})
