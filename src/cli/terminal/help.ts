import { type ErrorCode, errorCodes, errorMeanings } from '../../errors.js'
import { type Command, type Exit, sharedOptions } from '../options/command.js'
import type { OptionRow } from '../options/option-table.js'

const width = 100

/** Help of the program: its commands, and the exit codes that mean the same in all of them. */
export function renderHelp(commands: readonly Command[]): string {
  const names = commands.map(({ name, positionals, summary }) => [`${name} ${positionals}`.trim(), summary])
  return lines(
    'Usage: simdgres COMMAND [options]',
    '',
    'Finds, deploys and keeps the fastest way to search vectors from Node and PostgreSQL.',
    '',
    'Commands:',
    ...layOut(names),
    '',
    'Options:',
    ...layOut([['--version', 'show the version'], ...describeOptions(sharedOptions)]),
    '',
    'Each command has help of its own, with its exit codes: simdgres COMMAND --help',
    '',
    ...describeExits([[0, 'done'], ...(Object.keys(errorCodes) as ErrorCode[])]),
  )
}

/** Help of one command. */
export function renderCommandHelp(command: Command): string {
  return lines(
    `Usage: simdgres ${command.name} [options]${command.positionals && ` ${command.positionals}`}`,
    '',
    ...wrap(command.description, width),
    '',
    'Options:',
    ...layOut(describeOptions([...command.options, ...sharedOptions])),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
    ...describeExits(command.exits),
  )
}

function describeOptions(rows: readonly OptionRow[]): string[][] {
  return rows.map(({ name, value, summary, fallback, repeatable }) => [
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    summary +
      (repeatable === true ? '; may be repeated' : '') +
      (fallback === undefined ? '' : ` [${fallback}]`),
  ])
}

/** A line for each number. A later meaning of a code replaces an earlier one; codes with the same number share a line. */
function describeExits(exits: readonly Exit[]): string[] {
  const meanings = new Map<ErrorCode | number, string>()
  for (const exit of exits) {
    if (typeof exit === 'string') meanings.set(exit, errorMeanings[exit])
    else meanings.set(...exit)
  }
  const byNumber = new Map<number, string[]>()
  for (const [code, meaning] of meanings) {
    const number = typeof code === 'number' ? code : errorCodes[code]
    byNumber.set(number, [...(byNumber.get(number) ?? []), meaning])
  }
  const rows = [...byNumber]
    .sort(([a], [b]) => a - b)
    .map(([number, parts]) => [String(number), parts.join('; ')])
  return ['Results go to stdout, notes and progress to stderr. Exit codes:', ...layOut(rows)]
}

/** Two columns; the second is wrapped. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const first = Math.max(...rows.map(([term]) => term!.length))
  return rows.flatMap(([term, text]) => {
    const [head, ...rest] = wrap(text!, width - first - 4)
    return [`  ${term!.padEnd(first)}  ${head}`, ...rest.map((line) => ' '.repeat(first + 4) + line)]
  })
}

function wrap(text: string, limit: number): string[] {
  const wrapped = ['']
  for (const word of text.split(' ')) {
    const last = wrapped.at(-1)!
    if (last !== '' && last.length + 1 + word.length > limit) wrapped.push(word)
    else wrapped[wrapped.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return wrapped
}

function lines(...parts: readonly string[]): string {
  return `${parts.join('\n')}\n`
}
