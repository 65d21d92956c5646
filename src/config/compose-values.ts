import { z } from 'zod'
import { SimdgresError } from '../errors.js'
import { parseByteSize } from './byte-size.js'
import { parseDurationMs } from './duration.js'

/** Values of a compose file: the short and the long form of each are read into one. */

export const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String)

/** Interpolation turns numbers and booleans into strings: `cpus: ${CPUS:-2}`. */
export const number = z
  .union([z.number(), z.string().regex(/^\d+(\.\d+)?$/, 'has to be a number')])
  .transform(Number)
export const integer = z
  .union([z.number().int(), z.string().regex(/^\d+$/, 'has to be a whole number')])
  .transform(Number)
export const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])])
  .transform((value) => value === true || value === 'true')

function parsed<T>(parse: (text: string, name: string) => T) {
  return z.union([z.string(), z.number()]).transform((value, context): T => {
    try {
      return parse(String(value), 'this key')
    } catch (error) {
      if (!(error instanceof SimdgresError)) throw error
      context.issues.push({ code: 'custom', message: error.message, input: value })
      return z.NEVER
    }
  })
}
export const byteSize = parsed(parseByteSize)
export const durationMs = parsed(parseDurationMs)

/** `NAME: value`, or a list of `NAME=value`. */
export const stringMap = z.union([
  z.record(
    z.string(),
    z.union([scalar, z.null()]).transform((value) => value ?? ''),
  ),
  z.array(z.string().regex(/=/, 'has to be NAME=value')).transform((entries) =>
    Object.fromEntries(
      entries.map((entry) => {
        const separator = entry.indexOf('=')
        return [entry.slice(0, separator), entry.slice(separator + 1)]
      }),
    ),
  ),
])

export const stringOrList = z.union([z.string().transform((value) => [value]), z.array(scalar)])

/** `[[host ip:]host port:]container port`; the protocol is TCP. */
export const port = scalar.transform((value, context) => {
  const match = /^(?:(?:([\d.]+):)?(\d*):)?(\d+)(?:\/tcp)?$/.exec(value)
  if (!match) {
    context.issues.push({ code: 'custom', message: 'has to be [[IP:]PORT:]PORT', input: value })
    return z.NEVER
  }
  return { hostIp: match[1] ?? '', hostPort: match[2] ?? '', containerPort: Number(match[3]) }
})

/** `source:target[:ro|rw]`; a source that starts with . or / is a folder of the host, any other a named volume. */
export const volume = z.string().transform((value, context) => {
  const match = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(value)
  if (!match) {
    context.issues.push({ code: 'custom', message: 'has to be SOURCE:/TARGET[:ro]', input: value })
    return z.NEVER
  }
  return {
    source: match[1]!,
    target: match[2]!,
    readOnly: match[3] === 'ro',
    isBind: /^[./]/.test(match[1]!),
  }
})

export const ulimit = z.union([
  integer.transform((value) => ({ soft: value, hard: value })),
  z.strictObject({ soft: integer, hard: integer }),
])

const secretName = /^[\w.-]+$/

/** `name`, or source and target where a service wants another name below /run/secrets. */
export const secret = z.union([
  z
    .string()
    .regex(secretName)
    .transform((source) => ({ source, target: source })),
  z.strictObject({ source: z.string(), target: z.string().regex(secretName) }),
])

/** A list of names, or a map by name. */
export function namedEntries<T extends z.ZodType>(entry: T, absent: z.output<T>) {
  const list = z
    .array(z.string())
    .transform((names) => Object.fromEntries(names.map((name) => [name, absent])))
  const map = z.record(z.string(), z.union([entry, z.null().transform(() => absent)]))
  return z.union([list, map]).transform((entries): Readonly<Record<string, z.output<T>>> => entries)
}
