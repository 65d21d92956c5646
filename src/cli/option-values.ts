import { invalidArgument } from '../errors.js'
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

/** A number above 0. */
export function readPositive(options: OptionValues, name: string): number | undefined {
  const text = readText(options, name)
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value) || value <= 0) throw invalidArgument(`--${name}`, 'a number above 0', text)
  return value
}

const byteUnits: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** An amount of memory as Docker and PostgreSQL write it: 512m, 2g, 2GB, 1073741824. */
export function readBytes(options: OptionValues, name: string): number | undefined {
  const text = readText(options, name)
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text)
  const bytes = match === null ? Number.NaN : Number(match[1]) * byteUnits[match[2]!.toLowerCase()]!
  if (!Number.isFinite(bytes) || bytes < 1)
    throw invalidArgument(`--${name}`, 'an amount like 2g or 512m', text)
  return Math.floor(bytes)
}

/** One of `known`; the error names the nearest. */
export function parseChoice<T extends string>(label: string, text: string, known: readonly T[]): T {
  const found = known.find((name) => name === text)
  if (found !== undefined) return found
  const nearest = findNearestName(text, known)
  const hint = nearest === undefined ? undefined : `Did you mean ${nearest}?`
  throw invalidArgument(label, `one of ${known.join(', ')}`, text, hint)
}
