import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '#src/system/cache-folder.js'

/** What a user gets: the tarball, installed by npm into a project of its own. */
const project = mkdtempSync(join(tmpdir(), 'simdgres-package-'))
const addonPath = join(packageRoot, 'build', 'Release', 'simdgres.node')
let files: string[] = []

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  try {
    const options = { cwd: project, env: { ...process.env, SIMDGRES_ADDON: '', ...env }, maxBuffer: 2 ** 26 }
    return { code: 0, ...(await promisify(execFile)(command, args, options)) }
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) return error as unknown as Outcome
    throw error
  }
}

const runModule = (source: string, env?: NodeJS.ProcessEnv) =>
  run(process.execPath, ['--input-type=module', '--eval', source], env)

beforeAll(async () => {
  const pack = ['pack', packageRoot, '--pack-destination', project, '--ignore-scripts', '--loglevel=error']
  expect(await run('npm', pack)).toMatchObject({ code: 0 })
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz'))
  const { stdout } = await run('tar', ['-tzf', String(tarball)])
  files = stdout
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''))
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true, "type": "module" }')
  const install = [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    `./${tarball}`,
  ]
  expect(await run('npm', install)).toMatchObject({ code: 0 })
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('the tarball', () => {
  test.each([
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli/main.js',
    'bin/simdgres.js',
    'CMakeLists.txt',
    'native/kernels/include/simdgres.h',
    'native/node/CMakeLists.txt',
    'native/pg/simdgres.control',
    'docker/Dockerfile',
    'docker/compose.yaml',
    'docker/postgres/tune.sh',
    'examples/enhanced-learning/001-enhanced-learning.sql',
    'examples/enhanced-learning/upkeep.sql',
    'examples/enhanced-learning/check.sql',
    'scripts/setup.mjs',
    'scripts/setup/commands.mjs',
    'LICENSE',
  ])('holds %s', (file) => {
    expect(files).toContain(file)
  })

  test('holds nothing that only its authors need, and no secrets', () => {
    // The prebuilt addon is there if the tarball was made on purpose (prepack), not here.
    const unwanted =
      /^(test|bench|src|build|\.|node_modules)|\.(node|o|so)$|(^|\/)\.(env|stamp)$|package-lock/
    expect(files.filter((file) => unwanted.test(file) && !file.startsWith('prebuilds/'))).toEqual([])
  })
})

describe('an installed package', () => {
  test('is imported by name, and says what to do about an addon that is not built', async () => {
    const { stdout } = await runModule(`
      const { capabilities, errorCodes } = await import('simdgres')
      try { capabilities() } catch (error) { console.log(error.code, errorCodes[error.code], error.hint) }
    `)
    expect(stdout).toMatch(/^ERR_UNAVAILABLE 3 Build it with: npm --prefix \S+simdgres run build:native /)
    const [, command = ''] = /Build it with: (npm .+) \(needs/.exec(stdout) ?? []
    // The whole build takes a minute: this asks whether the command is there, where a user would type it.
    const [npm = '', ...args] = command.split(' ')
    expect(await run(npm, [...args, '--', '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('cmake-js'),
    })
  })

  test('computes with the addon it is given', async () => {
    const source = `
      import { l2sq, VectorSet } from 'simdgres'
      const set = VectorSet.from(new Float32Array([0, 0, 3, 4]), { dims: 2, metric: 'l2' })
      const { ids, distances } = await set.search(new Float32Array([3, 4]), { k: 2 })
      console.log(JSON.stringify([l2sq(new Float32Array([0, 0]), new Float32Array([3, 4])), [...ids], [...distances]]))
    `
    const { stdout, stderr } = await runModule(source, { SIMDGRES_ADDON: addonPath })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([25, [1, 0], [0, 5]])
  })

  test('needs no compiler where its tarball brings an addon for the platform', async () => {
    const copy = join(project, 'copy')
    for (const part of ['package.json', 'scripts/prebuild.mjs', 'build/Release/simdgres.node']) {
      cpSync(join(packageRoot, part), join(copy, part))
    }
    const prebuild = async (...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await run(process.execPath, [join(copy, 'scripts', 'prebuild.mjs'), ...args])
      expect(code, stderr).toBe(0)
    }
    const listPrebuilt = async (): Promise<string[]> => {
      const { stdout } = await run('npm', ['pack', copy, '--dry-run', '--json', '--ignore-scripts'])
      const [tarball] = JSON.parse(stdout) as [{ files: { path: string }[] }]
      return tarball.files.map(({ path }) => path).filter((path) => path.startsWith('prebuilds/'))
    }
    await prebuild()
    expect(await listPrebuilt()).toEqual([`prebuilds/${process.platform}-${process.arch}/simdgres.node`])
    const installed = join(project, 'node_modules', 'simdgres', 'prebuilds')
    try {
      cpSync(join(copy, 'prebuilds'), installed, { recursive: true })
      const { stdout } = await runModule(
        `import { l2sq } from 'simdgres'; console.log(l2sq(new Float32Array([0]), new Float32Array([2])))`,
      )
      expect(stdout).toBe('4\n')
      await prebuild('--remove')
      expect(await listPrebuilt()).toEqual([])
    } finally {
      rmSync(installed, { recursive: true, force: true })
    }
  })

  test('keeps what is not its contract to itself', async () => {
    const { stderr, code } = await runModule(`import 'simdgres/dist/errors.js'`)
    expect(code).not.toBe(0)
    expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  test('has types that a strict project compiles against', async () => {
    writeFileSync(
      join(project, 'use.ts'),
      `import { type SearchResult, SimdgresError, VectorSet } from 'simdgres'
       const set: VectorSet = VectorSet.from(new Float32Array(4), { dims: 2, metric: 'cosine' })
       export const found: Promise<SearchResult> = set.search(new Float32Array(2), { k: 1 })
       // @ts-expect-error: a metric that does not exist
       VectorSet.from(new Float32Array(4), { dims: 2, metric: 'euclid' })
       export const code: string = new SimdgresError('ERR_RESOURCE', 'a', 'b').code`,
    )
    const tsc = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc')
    const typeRoots = join(packageRoot, 'node_modules', '@types')
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023']
    const outcome = await run(process.execPath, [
      tsc,
      ...options,
      '--typeRoots',
      typeRoots,
      '--types',
      'node',
      'use.ts',
    ])
    expect(outcome).toMatchObject({ code: 0, stdout: '' })
  })

  test('has a command line that knows its version and refuses nonsense', async () => {
    const program = join(project, 'node_modules', '.bin', 'simdgres')
    expect(await run(program, ['--version'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
    expect(await run(program, ['frobnicate'])).toMatchObject({ code: 2, stdout: '' })
  })
})
