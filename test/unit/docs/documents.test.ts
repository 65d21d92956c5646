import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commands } from '#src/cli/commands/list.js'
import { sharedOptions } from '#src/cli/options/command.js'
import { type OptionRow, parseOptions } from '#src/cli/options/option-table.js'

const root = join(import.meta.dirname, '../../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const documents = execFileSync('git', ['-C', root, 'ls-files', '*.md'], { encoding: 'utf8' })
  .trim()
  .split('\n')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

/** Without what stands in fences, where brackets are code. */
const proseOf = (text: string) => text.replaceAll(/^```.*?^```/gms, '')

/** Anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = proseOf(text).matchAll(/^#{1,6} (.+)$/gm)
  return [...headings].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Why a link leads nowhere; undefined for a good one, and for one to another site. */
function findFault(document: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined
  const [path = '', anchor] = link.split('#')
  const file = path === '' ? document : join(dirname(document), path)
  if (!existsSync(join(root, file))) return `${link}: there is no ${file}`
  if (anchor === undefined || anchorsOf(read(file)).includes(anchor)) return undefined
  return `${link}: ${file} has no such heading`
}

/** Lines of fences for the shell, without comments. */
function commandsOf(text: string): string[] {
  const fences = [...text.matchAll(/^```(?:sh|bash)\n(.*?)^```/gms)].map(([, body]) => body!)
  const lines = fences.flatMap((body) => body.replaceAll('\\\n', ' ').split('\n'))
  return lines.map((line) => line.replace(/(^|\s)#.*$/, '').trim()).filter((line) => line !== '')
}

/** As the shell splits the simple lines of our documents. */
const wordsOf = (line: string) =>
  (line.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll(/^(['"])(.*)\1$/g, '$2'))

/** Options of the programs of bench/, which start when they are imported. */
function readBenchOptions(name: string): OptionRow[] {
  const rows = `${read('bench/benchmark.ts')}${read(`bench/${name}.ts`)}`.matchAll(
    /\{ name: '([a-z-]+)',( value: '[^']+',)? summary: /g,
  )
  return [...rows].map(([, option, value]) => ({ name: option!, summary: '', ...(value && { value }) }))
}

/** @throws where the command line would refuse it. */
function checkCli([name, ...args]: readonly string[]): void {
  const command = commands.find((one) => one.name === name)
  if (command === undefined) throw new Error(`simdgres has no command ${name}`)
  const end = args.indexOf('--')
  const own = end === -1 ? args : args.slice(0, end)
  parseOptions(own, [...command.options, ...sharedOptions], `simdgres ${name}`)
}

function checkNpmRun([name = '', separator, ...args]: readonly string[]): void {
  if (scripts[name] === undefined) throw new Error(`package.json has no script ${name}`)
  if (separator === undefined) return
  if (separator !== '--') throw new Error(`npm keeps ${separator} for itself: put -- before it`)
  if (name === 'bench') checkCli(['bench', ...args])
  else if (name.startsWith('bench:')) parseOptions(args, readBenchOptions(name.slice(6)), name)
}

/** A script of ours, or vitest with files of ours. */
function checkFiles(program: string, args: readonly string[]): void {
  const files = [program, ...args].filter((word) => /^[.\w-]+(\/[.\w-]+)+$/.test(word))
  const missing = files.filter((file) => !existsSync(join(root, file)))
  if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}`)
  const isVitest = program === 'npx' && args[0] === 'vitest'
  if (!isVitest && !files.includes(program)) throw new Error(`nobody knows what ${program} is`)
}

/** @throws where a line of a document could not be run. */
function checkCommand(line: string): void {
  const [program = '', ...args] = wordsOf(line)
  const knownToNpm = ['ci', 'test', 'install']
  if (program === 'npm' && args[0] === 'run') checkNpmRun(args.slice(1))
  else if (program === 'npx' && args[0] === 'simdgres') checkCli(args.slice(1))
  else if (program === 'simdgres') checkCli(args)
  else if (program !== 'npm' || !knownToNpm.includes(args[0]!)) checkFiles(program, args)
}

/** Paths in the code font: of a file or folder, without blanks and without a place to fill in. */
function pathsOf(text: string): string[] {
  const code = [...proseOf(text).matchAll(/`([^`\n]+)`/g)].map(([, word]) => word!)
  return code.filter((word) =>
    /^(src|native|docker|docs|test|scripts|bench|examples|\.ci)\/[\w./-]*$/.test(word),
  )
}

describe.each(documents)('%s', (document) => {
  const text = read(document)

  test('has no link that leads nowhere', () => {
    const links = [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
    expect(links.map((link) => findFault(document, link)).filter(Boolean)).toEqual([])
  })

  test('names no command or option that does not exist', () => {
    for (const line of commandsOf(text)) expect(() => checkCommand(line), line).not.toThrow()
  })

  test('names no file that does not exist', () => {
    // Made by `npm run docs`, not committed.
    const paths = pathsOf(text).filter((path) => !path.startsWith('docs/api'))
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})

describe('the checks', () => {
  test('find a link, a heading, a command, an option and a file that do not exist', () => {
    expect(findFault('README.md', 'docs/none.md')).toContain('there is no docs/none.md')
    expect(findFault('docs/stack.md', '#no-such-heading')).toContain('has no such heading')
    expect(findFault('README.md', 'docs/stack.md#day-by-day')).toBeUndefined()
    for (const line of [
      'npm run none',
      'npm run bench --seconds 5',
      'npm run bench -- --second 5',
      'npm run bench:kernels -- --op dot',
      'npx simdgres restor',
      'simdgres up --profil backup',
      'npx vitest run test/unit/none.test.ts',
      'docker/none.sh',
    ]) {
      expect(() => checkCommand(line), line).toThrow()
    }
    expect(pathsOf('`src/none.ts`, `src/<name>.ts`, `test/unit/`')).toEqual(['src/none.ts', 'test/unit/'])
  })
})

test('docs/index.md is linked from the README, and links every document', () => {
  expect(read('README.md')).toContain('](docs/index.md)')
  const index = read('docs/index.md')
  const others = documents.filter((file) => file.startsWith('docs/') && file !== 'docs/index.md')
  for (const file of others) expect(index).toContain(`](${file.slice('docs/'.length)})`)
})
