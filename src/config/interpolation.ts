import { SimdgresError } from '../errors.js'

export type Environment = Readonly<Record<string, string | undefined>>

const variableStart = /^([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?/

/**
 * Replaces variables as the Compose specification says: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`,
 * `${NAME:?message}`, `${NAME?message}`, `${NAME:+other}`, `${NAME+other}`, nested ones in default, message and
 * other, and `$$` for a dollar sign. A variable that is not set and has no default is empty.
 * @param place file and line, for messages.
 * @throws ERR_INVALID_ARGUMENT where a required variable is missing or the syntax is wrong.
 */
export function interpolate(text: string, environment: Environment, place: string): string {
  let result = ''
  let position = 0
  while (position < text.length) {
    const dollar = text.indexOf('$', position)
    if (dollar < 0) break
    result += text.slice(position, dollar)
    const piece = readDollar(text, dollar, environment, place)
    result += piece.value
    position = piece.end
  }
  return result + text.slice(position)
}

interface Piece {
  readonly value: string
  /** Index of the first character after it. */
  readonly end: number
}

function readDollar(text: string, dollar: number, environment: Environment, place: string): Piece {
  const next = text[dollar + 1]
  if (next === '$') return { value: '$', end: dollar + 2 }
  if (next === '{') {
    const end = findClosingBrace(text, dollar + 2, place)
    return { value: expand(text.slice(dollar + 2, end), environment, place), end: end + 1 }
  }
  const bare = /^[A-Za-z_][A-Za-z0-9_]*/.exec(text.slice(dollar + 1))
  if (!bare) throw syntaxError(text.slice(dollar), place)
  return { value: environment[bare[0]] ?? '', end: dollar + 1 + bare[0].length }
}

function findClosingBrace(text: string, start: number, place: string): number {
  let depth = 1
  for (let index = start; index < text.length; index += 1) {
    if (text.startsWith('${', index)) depth += 1
    else if (text[index] === '}') depth -= 1
    if (depth === 0) return index
  }
  throw syntaxError(text.slice(start - 2), place)
}

/** `expression` is the text between the braces. */
function expand(expression: string, environment: Environment, place: string): string {
  const match = variableStart.exec(expression)
  const operator = match?.[2]
  if (!match || (!operator && match[0].length !== expression.length)) {
    throw syntaxError(`\${${expression}}`, place)
  }
  const name = match[1]!
  const value = environment[name]
  const operand = (): string => interpolate(expression.slice(match[0].length), environment, place)
  // With a colon, an empty value counts as not set.
  const isSet = value !== undefined && (value !== '' || !operator?.startsWith(':'))
  switch (operator?.at(-1)) {
    case '-':
      return isSet ? value : operand()
    case '+':
      return isSet ? operand() : ''
    case '?':
      if (isSet) return value
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${place} needs the variable ${name}, which is not set: ${operand()}`,
        `Set ${name} in the .env file beside the compose file or in the environment.`,
      )
    default:
      return value ?? ''
  }
}

function syntaxError(fragment: string, place: string): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${place} has a variable that cannot be read: ${fragment}`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: shows the syntax itself
    'Write ${NAME}, ${NAME:-default} or ${NAME:?message}; a plain dollar sign is $$.',
  )
}
