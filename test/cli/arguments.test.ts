import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pathIds } from '#src/paths/registry.js'
import { runCli } from './run-cli.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('help', () => {
  it.each([[['--help']], [['help']], [[]]])('%j lists the commands and the exit codes', async (args) => {
    const { code, stdout, stderr } = await runCli(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const text of ['bench', 'data', '--version', 'Exit codes', '130  stopped by Ctrl-C']) {
      expect(stdout).toContain(text)
    }
  })

  it('of a command names every option of it', async () => {
    const { code, stdout } = await runCli(['bench', '--help'])
    expect(code).toBe(0)
    for (const option of ['--profile NAME', '--paths LIST', '--set NAME=VALUE', '--json FILE', '--dry-run']) {
      expect(stdout).toContain(option)
    }
    expect((await runCli(['help', 'bench'])).stdout).toBe(stdout)
  })

  it('fits in 100 columns', async () => {
    for (const args of [['--help'], ['bench', '--help'], ['data', '--help']]) {
      const { stdout } = await runCli(args)
      const options = stdout.split('Examples:')[0]!
      for (const line of options.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    }
  })

  it('the version is that of the package', async () => {
    const file = fileURLToPath(new URL('../../package.json', import.meta.url))
    const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string }
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('wrong arguments end with code 2, a reason and a next step', () => {
  const bench = (...args: string[]) => ['bench', ...args]
  it.each([
    ['a command', ['bnech'], 'Unknown command bnech', 'Did you mean bench?'],
    ['an option', bench('--profil', 'quick'), 'Unknown option --profil', 'Did you mean --profile?'],
    ['an option like none', bench('--xyzzy'), 'Unknown option --xyzzy', 'See simdgres bench --help.'],
    ['a missing value', bench('--profile'), '--profile', 'See simdgres bench --help.'],
    ['a profile', bench('--profile', 'quik'), 'but received "quik"', 'Did you mean quick?'],
    ['a path', bench('--paths', 'null,pgvector-exakt'), '"pgvector-exakt"', 'Did you mean pgvector-exact?'],
    ['a target', bench('--target', 'dokcer'), '"dokcer"', 'Did you mean docker?'],
    ['a metric', bench('--metric', 'euclid'), 'one of l2, cosine, ip, l1', '--metric'],
    ['a number', bench('--k', 'ten'), 'a whole number from 1 to', '"ten"'],
    [
      'more threads than a search takes',
      bench('--threads', '1025'),
      'from 1 to 1024 for --threads',
      '"1025"',
    ],
    ['more neighbours than rows', bench('--k', '101', '--rows', '100'), 'from 1 to 100 for --k', '"101"'],
    [
      'more neighbours than a synthetic set has',
      bench('--k', '3000', '--dataset', 'synthetic-2000x16'),
      'from 1 to 2000 for --k',
      '"3000"',
    ],
    [
      'more neighbours than a set of the catalogue has, before it is downloaded',
      bench('--k', '500000', '--dataset', 'glove-100', '--paths', 'addon-exact'),
      'for --k',
      '"500000"',
    ],
    ['a zero', bench('--rows', '0'), '--rows', '"0"'],
    ['memory', bench('--memory', 'lots'), '--memory', '"lots"'],
    ['a parameter', bench('--set', 'shared_buffers'), 'NAME=VALUE for --set', '"shared_buffers"'],
    ['a parameter that is fixed', bench('--set', 'jit=on'), '"jit=on"', 'has jit=off'],
    ['the port as a parameter', bench('--set', 'port=1'), '"port=1"', 'Use --port.'],
    ['a port', bench('--port', '70000'), '--port', '"70000"'],
    ['an instruction set', bench('--isa', 'avx9'), '--isa', 'Did you mean avx2?'],
    ['a design of no path', bench('--design', 'm=16'), 'PATH:NAME=N', '"m=16"'],
    ['a path without designs', bench('--design', 'null:m=16'), 'the path of --design', '"null"'],
    [
      'a design of a path that is not measured',
      bench('--paths', 'null', '--design', 'pgvector-hnsw:m=16'),
      '--design',
      'Add pgvector-hnsw to --paths.',
    ],
    [
      'a knob that is none',
      bench('--design', 'pgvector-hnsw:lists=5'),
      'one of m, ef_construction',
      '"lists"',
    ],
    ['a knob out of range', bench('--design', 'pgvector-ivfflat:lists=0'), 'from 1 to 32768', '"0"'],
    [
      'a design twice',
      bench('--design', 'pgvector-hnsw:m=8', '--design', 'pgvector-hnsw:m=8'),
      'each design once',
      'Leave one of the two out.',
    ],
    ['a table of no server', bench('--table', 'items'), 'a server with --url', '--url postgres://'],
    [
      'a table as if its data were ours',
      bench('--table', 'items', '--url', 'postgres://ann@h/d', '--rows', '5'),
      'left out with --table for --rows',
      'Choose rows with --where.',
    ],
    [
      'two kinds of queries of a table',
      bench('--table', 'items', '--url', 'postgres://ann@h/d', '--queries', 'q.npy', '--sample', '5'),
      'left out with --queries for --sample',
      'Leave out one of the two.',
    ],
    [
      'a condition of no table',
      bench('--where', 'id < 5'),
      'used with --table for --where',
      'Name the table',
    ],
    ['a share of no rows', bench('--filter', '10,0'), 'from 0.0001 to 100', '"0"'],
    [
      'a filter of too few rows',
      bench('--filter', '1', '--dataset', 'synthetic-500x4'),
      'lets 5 of 500 rows pass, fewer than the k = 10',
      'Let 2% or more pass',
    ],
    ['an argument', bench('quick'), '"quick"', 'See simdgres bench --help.'],
    ['a data set', bench('--dataset', 'glove-50'), 'glove-100', '"glove-50"'],
    ['a data set to plan', bench('--dry-run', '--dataset', 'glove-50'), 'glove-100', '"glove-50"'],
    ['a synthetic shape', bench('--dataset', 'synthetic-10'), 'synthetic-<rows>x<dims>', '"synthetic-10"'],
    ['an action', ['data', 'fech'], '"fech"', 'Did you mean fetch?'],
    ['a data set to fetch', ['data', 'fetch', 'glove-10'], '"glove-10"', 'Did you mean glove-100?'],
    ['nothing to remove', ['data', 'remove'], 'undefined', 'Name what to remove.'],
  ])('%s', async (_what, args, ...texts) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(stderr).toMatch(/^error: .+\n {2}next: .+\n$/)
    for (const text of texts) expect(stderr).toContain(text)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  it('and more with --debug', async () => {
    const { code, stderr } = await runCli(['bench', '--profile', 'no', '--debug'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/\n {4}at /)
  })
})

describe('an output that cannot be written', () => {
  it('is found before anything is done', async () => {
    const { code, stderr } = await runCli(['bench', '--json', join(folder, 'no', 'out.json')])
    expect(code).toBe(5)
    expect(stderr).toMatch(/^error: --json: nothing can be written/)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('--dry-run', () => {
  it('says what would be done, on stdout, and does nothing', async () => {
    const cache = join(folder, 'cache')
    const args = ['bench', '--dry-run', '--profile', 'quick', '--target', 'local', '--memory', '2g']
    const { code, stdout, stderr } = await runCli(args, { SIMDGRES_CACHE: cache })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/data set +glove-100: 50,000 x 100/)
    expect(stdout).toMatch(/target +local/)
    expect(stdout).toContain('memoryBytes=2147483648')
    for (const id of pathIds) expect(stdout).toContain(id)
    expect(await readdir(folder)).toEqual([])
  })

  it('does not ask the server of a table', async () => {
    const args = ['--url', 'postgres://ann@nowhere.invalid/d', '--table', 'app.items', '--where', 'id < 5']
    const { code, stdout } = await runCli(['bench', '--dry-run', ...args])
    expect(code).toBe(0)
    expect(stdout).toMatch(/table +app\.items where id < 5: read where it is, and not changed/)
    expect(stdout).toMatch(/queries +200 of its rows, k = 10/)
  })

  it('needs no server for paths of this process', async () => {
    const { stdout } = await runCli(['bench', '--dry-run', '--paths', 'addon-batch,addon-exact'])
    expect(stdout).toContain('target    none')
    expect(stdout).toContain('paths     addon-exact, addon-batch')
  })
})

describe('data', () => {
  it('lists the data sets, and as JSON', async () => {
    const text = await runCli(['data'])
    expect(text).toMatchObject({ code: 0, stderr: '' })
    expect(text.stdout).toMatch(/^glove-100 .*cosine.*\nmnist-784 .*l2.*\nwordnet-512 .*cosine/)
    const json = await runCli(['data', 'list', '--json'])
    const names = (JSON.parse(json.stdout) as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(['glove-100', 'mnist-784', 'wordnet-512'])
  })
})
