import { type ErrorCode, errorCodes } from '../../errors.js'
import { type CommandRow, sharedOptions } from '../command.js'
import { commands } from '../commands.js'
import type { OptionRow } from '../options/option-table.js'

const width = 100

const exitMeanings: Readonly<Record<ErrorCode, string>> = {
  ERR_CHECK_FAILED: 'a check failed: an exact path missed a neighbour',
  ERR_INVALID_ARGUMENT: 'wrong argument, option or setting',
  ERR_UNAVAILABLE: 'an engine, a server, the addon or a tool is missing',
  ERR_CORRUPT_DATA: 'data is damaged or not what its pin says',
  ERR_RESOURCE: 'no space, no permission, a port in use',
  ERR_LOST_CONNECTION: 'a server or an engine went away during the run',
  ERR_ABORTED: 'stopped by Ctrl-C',
}

export function renderHelp(): string {
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
    'Each command has help of its own: simdgres COMMAND --help',
    '',
    ...describeExitCodes(),
  )
}

export function renderCommandHelp(command: CommandRow): string {
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
    ...describeExitCodes(),
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

function describeExitCodes(): string[] {
  const codes = (Object.keys(errorCodes) as ErrorCode[])
    .map((code) => [String(errorCodes[code]), exitMeanings[code]])
    .sort(([a], [b]) => Number(a) - Number(b))
  return [
    'Results go to stdout, notes and progress to stderr. Exit codes:',
    ...layOut([['0', 'done'], ...codes]),
  ]
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
