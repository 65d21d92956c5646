import { parseByteSize } from '../../config/byte-size.js'
import { invalidArgument } from '../../errors.js'
import { type OptionValues, readText } from './option-table.js'
import { findNearestName } from './suggestion.js'

/** A whole number from `least` to `most`, or undefined if the option is not given. */
export function readInteger(
  options: OptionValues,
  name: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = readText(options, name)
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) {
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
    throw invalidArgument(`--${name}`, `a whole number ${range}`, text)
  }
  return value
}

/** A whole number from 1 to `most`, as people write large ones: 1000000, 1e6. */
export function parseCount(label: string, text: string, most: number): number {
  const value = /^\d+(\.\d+)?(e\d{1,2})?$/i.test(text) ? Number(text) : Number.NaN
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw invalidArgument(label, `a whole number from 1 to ${most.toLocaleString('en-US')}`, text)
}

export function readCount(options: OptionValues, name: string, most: number): number | undefined {
  const text = readText(options, name)
  return text === undefined ? undefined : parseCount(`--${name}`, text, most)
}

/** A number above 0. */
export function readPositive(options: OptionValues, name: string): number | undefined {
  const text = readText(options, name)
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value) || value <= 0) throw invalidArgument(`--${name}`, 'a number above 0', text)
  return value
}

/** An amount of memory above 0, as `parseByteSize` reads it. */
export function readBytes(options: OptionValues, name: string): number | undefined {
  const text = readText(options, name)
  if (text === undefined) return undefined
  const bytes = parseByteSize(text, `--${name}`)
  if (bytes < 1) throw invalidArgument(`--${name}`, 'a size above 0, such as 512m or 1gb', text)
  return bytes
}

/** One of `known`; the error names the nearest. */
export function parseChoice<T extends string>(label: string, text: string, known: readonly T[]): T {
  const found = known.find((name) => name === text)
  if (found !== undefined) return found
  const nearest = findNearestName(text, known)
  const hint = nearest === undefined ? undefined : `Did you mean ${nearest}?`
  throw invalidArgument(label, `one of ${known.join(', ')}`, text, hint)
}
