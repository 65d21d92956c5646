import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resultSchema } from '#src/result/schema.js'

const binary = fileURLToPath(new URL('../../bin/simdgres.js', import.meta.url))
const small = [
  '--paths',
  'addon-exact',
  '--dataset',
  'synthetic-2000x16',
  '--queries',
  '50',
  '--seconds',
  '0.2',
]
const quoted = (args: readonly string[]) => args.map((arg) => `'${arg}'`).join(' ')
const bench = (...args: string[]) => `"$S" bench --quiet ${quoted([...small, ...args])}`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgres-outputs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs a line of a shell in the folder; `"$S"` is the command line. */
function shell(line: string) {
  const script = `S() { "${process.execPath}" "${binary}" "$@"; }\n${line.replaceAll('"$S"', 'S')}`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr }
}

describe('a result goes into', () => {
  it('/dev/stdout that is a file of the shell, with the table on stderr', () => {
    const { status, stderr } = shell(`${bench('--json', '/dev/stdout')} > out.json`)
    expect(stderr).toContain('addon-exact')
    expect(status).toBe(0)
    resultSchema.parse(JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')))
    expect(readdirSync(folder)).toEqual(['out.json'])
    expect(lstatSync('/dev/stdout').isSymbolicLink()).toBe(true)
  })

  it('a program that the shell names as a file, and a pipe', () => {
    execFileSync('mkfifo', ['table'], { cwd: folder })
    const line = `cat table > table.md & ${bench('--json')} >(cat > result.json) --markdown table; code=$?; wait; exit $code`
    const { status, stdout } = shell(line)
    expect(stdout).toContain('addon-exact')
    expect(status).toBe(0)
    resultSchema.parse(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')))
    expect(readFileSync(join(folder, 'table.md'), 'utf8')).toContain('| addon-exact |')
    expect(lstatSync(join(folder, 'table')).isFIFO()).toBe(true)
  })
})

describe('two outputs of one place are refused before anything is done', () => {
  const vectors = Buffer.concat(
    Array.from({ length: 100 }, (_, i) => Buffer.from(Int32Array.of(1, i).buffer)),
  )
  it.each([
    ['one file', ['--json', 'x', '--markdown', './x'], '', '--json and --markdown'],
    ['stdout twice', ['--json', '-', '--markdown', '/dev/stdout'], '', '--json and --markdown'],
    ['the samples', ['--json', 'x.json', '--markdown', 'x.samples.json'], '', '--markdown and the samples'],
    ['the data set', ['--json', 'in.fvecs', '--dataset', 'in.fvecs'], '', '--json and --dataset'],
    ['the redirected table', ['--json', 'x'], ' > x', '--json and the table on stdout'],
  ])('%s', (_what, args, redirection, names) => {
    writeFileSync(join(folder, 'in.fvecs'), vectors)
    const { status, stderr } = shell(`${bench(...args)}${redirection}`)
    expect(stderr).toMatch(/^error: .* lead to one place: .*\n {2}next: .+\n$/)
    expect(stderr).toContain(names)
    expect(status).toBe(2)
    expect(readFileSync(join(folder, 'in.fvecs'))).toEqual(vectors)
  })
})

describe('stdout', () => {
  it('whose reader has left is no failure', () => {
    const { stderr } = shell(`{ "$S" bench --help; echo "code $?" >&2; } | true`)
    expect(stderr).toBe('code 0\n')
  })

  it('on a full disk ends with code 5', () => {
    const { status, stderr } = shell('"$S" data --json > /dev/full')
    expect(stderr).toMatch(
      /^error: No space is left on the disk \(ENOSPC\) while writing to stdout\n {2}next: .+\n$/,
    )
    expect(status).toBe(5)
  })
})

describe('a limit of the machine is no defect of simdgres', () => {
  it('too many vectors for the memory', () => {
    const { status, stderr } = shell('"$S" bench --paths addon-exact --dataset synthetic-2000000000x1000')
    expect(stderr).toMatch(
      /^error: searching synthetic-2000000000x1000 needs .* of memory.*\n {2}next: .*--rows/,
    )
    expect(stderr).not.toContain('defect')
    expect(status).toBe(5)
  })
})
