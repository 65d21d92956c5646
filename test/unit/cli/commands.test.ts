import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { commands } from '#src/cli/commands/list.js'
import { type Command, sharedOptions } from '#src/cli/options/command.js'
import { renderCommandHelp, renderHelp } from '#src/cli/terminal/help.js'
import { type ErrorCode, errorCodes, errorMeanings } from '#src/errors.js'
import { readImports } from '../../../scripts/import-rules.mjs'

const source = fileURLToPath(new URL('../../../src', import.meta.url))
const folder = resolve(source, 'cli', 'commands')
/** Widest line of a help; a terminal of 110 columns shows it without breaks. */
const widest = 110

test('every file of the folder is a command of the list, and the other way round', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'list.ts')
  expect(commands.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort())
})

test('the help of the program names each of them', () => {
  const help = renderHelp(commands)
  for (const { name } of commands) expect(help).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(widest)
})

describe.each(commands.map((command) => [command.name, command] as const))('%s', (name, command) => {
  const help = renderCommandHelp(command)

  test('says what it does, in lines that fit', () => {
    expect(command.summary).toMatch(/^[a-z].{10,}[^.]$/)
    expect(command.description).toMatch(/^[A-Z].*\.$/)
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(widest)
  })

  test('has examples of itself, with options that it has', () => {
    expect(command.examples.length).toBeGreaterThan(0)
    const known = new Set(allOptions(command).map((option) => `--${option.name}`))
    for (const example of command.examples) {
      expect(example).toMatch(new RegExp(`^simdgres ${name}( |$)`))
      const own = example.split(' -- ')[0]!
      for (const [option] of own.matchAll(/--[\w-]+/g)) expect(known, example).toContain(option)
    }
  })

  test('says what it ends with, each number once', () => {
    const numbers = [...help.split('Exit codes:\n')[1]!.matchAll(/^ {2}(\d+) {2}/gm)].map(([, n]) =>
      Number(n),
    )
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    const wanted = command.exits.map((exit) => {
      const code = typeof exit === 'string' ? exit : exit[0]
      return typeof code === 'number' ? code : errorCodes[code]
    })
    expect(new Set(numbers)).toEqual(new Set(wanted))
    // Whatever a command does, its arguments can be wrong, the disk full, and the user in a hurry.
    for (const code of ['ERR_INVALID_ARGUMENT', 'ERR_RESOURCE', 'ERR_ABORTED'] as const) {
      expect(numbers).toContain(errorCodes[code])
    }
    expect(numbers).toContain(0)
  })

  test('reads every option of its table, and no other', () => {
    const offered = allOptions(command).map((option) => option.name)
    const read = readOptionNames(resolve(folder, `${name}.ts`))
    expect([...read].sort()).toEqual(offered.filter((option) => !readByMain.has(option)).sort())
  })

  test('loads nothing large before it runs', () => {
    const loaded = new Set<string>()
    walkImports(resolve(folder, `${name}.ts`), loaded)
    expect(loaded.size).toBeGreaterThan(1)
    const large = /^(stack|engine|targets\/\w+|paths\/server|measure\/run-bench\.ts|datasets)\b\//
    expect([...loaded].map((file) => relative(source, file)).filter((file) => large.test(file))).toEqual([])
    const packages = [...loaded].flatMap(
      (file) => readFileSync(file, 'utf8').match(/^import (?!type ).*from '[^.n][^']*'/gm) ?? [],
    )
    expect(packages).toEqual([])
  })
})

test('each error code has a meaning', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[])
    expect(errorMeanings[code]).toMatch(/^[a-z].*[^.]$/)
})

/** They never reach a command. */
const readByMain = new Set(['help', 'debug'])

function allOptions(command: Command) {
  return [...command.options, ...sharedOptions]
}

/** Names of the options that a file reads, with the files of folders of cli/commands that it imports. */
function readOptionNames(file: string): Set<string> {
  const files = new Set<string>()
  const walk = (path: string): void => {
    if (files.has(path) || !path.startsWith(folder)) return
    files.add(path)
    for (const target of readImports(readFileSync(path, 'utf8'))) walk(toSource(path, target))
  }
  walk(file)
  const reading = /\bread(?:Text|Flag|List|Integer|Positive|Bytes|Count)\(\s*\w+,\s*'([\w-]+)'/g
  return new Set(
    [...files].flatMap((path) => [...readFileSync(path, 'utf8').matchAll(reading)].map(([, name]) => name!)),
  )
}

/** Adds what is loaded with `file`. Imports of types and those on demand load nothing. */
function walkImports(file: string, seen: Set<string>): void {
  if (seen.has(file) || !existsSync(file)) return
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [, target] of text.matchAll(/^(?:import|export) (?!type )[^'"]*?from '(\.[^']+)'/gm)) {
    walkImports(toSource(file, target!), seen)
  }
}

function toSource(file: string, target: string): string {
  return resolve(dirname(file), target).replace(/\.js$/, '.ts')
}
