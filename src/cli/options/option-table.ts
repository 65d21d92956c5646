import { parseArgs } from 'node:util'
import { SimdgresError } from '../../errors.js'
import { findNearestName } from './suggestion.js'

/** One option. Parsing, checks and help all come from it. */
export interface OptionRow {
  readonly name: string
  /** What help shows for the value; a flag has none. */
  readonly value?: string
  /** May be given several times. */
  readonly repeatable?: boolean
  readonly summary: string
  /** What applies if it is not given, as help shows it. */
  readonly fallback?: string
}

/** Values by option name: `true` for flags, a list for repeatable options. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface ParsedArguments {
  readonly options: OptionValues
  readonly positionals: readonly string[]
}

/**
 * Reads arguments according to the table. ERR_INVALID_ARGUMENT for unknown options (with the nearest known one) and
 * for values that are missing or unexpected.
 */
export function parseOptions(
  args: readonly string[],
  rows: readonly OptionRow[],
  helpCommand: string,
): ParsedArguments {
  const options = Object.fromEntries(
    rows.map(({ name, value, repeatable }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: repeatable === true,
      },
    ]),
  )
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    return { options: values as OptionValues, positionals }
  } catch (error) {
    throw explainParseError(error, rows, helpCommand)
  }
}

function explainParseError(error: unknown, rows: readonly OptionRow[], helpCommand: string): unknown {
  if (!(error instanceof TypeError) || !('code' in error)) return error
  const help = `See ${helpCommand} --help.`
  const unknown = /^Unknown option '([^']+)'/.exec(error.message)?.[1]
  if (unknown !== undefined) {
    const names = rows.map(({ name }) => `--${name}`)
    const nearest = findNearestName(unknown, names)
    const hint = nearest === undefined ? help : `Did you mean ${nearest}? ${help}`
    return new SimdgresError('ERR_INVALID_ARGUMENT', `Unknown option ${unknown}`, hint, { cause: error })
  }
  // The rest of what node:util says (how to pass a value that begins with a dash) is for programmers.
  const [message] = error.message.split(/[.\n]/)
  return new SimdgresError('ERR_INVALID_ARGUMENT', message!, help, { cause: error })
}

export function readText(options: OptionValues, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

export function readFlag(options: OptionValues, name: string): boolean {
  return options[name] === true
}

export function readList(options: OptionValues, name: string): readonly string[] {
  const value = options[name]
  return Array.isArray(value) ? value : []
}
