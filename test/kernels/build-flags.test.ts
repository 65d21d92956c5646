import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'simdgres-build-flags-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Without the switch that our own CI sets, and the flags of the person who runs this. */
const { SIMDGRES_WERROR: _werror, CFLAGS: _cflags, CXXFLAGS: _cxxflags, ...usersEnv } = process.env

interface CompileCommand {
  readonly file: string
  readonly command: string
}

/** Configures everything that needs no PostgreSQL; returns what would be run for each object. */
async function configure(
  name: string,
  options: readonly string[],
  env: NodeJS.ProcessEnv = usersEnv,
): Promise<readonly CompileCommand[]> {
  const parts = ['NODE', 'BENCH', 'TESTS'].map((part) => `-DSIMDGRES_${part}=ON`)
  const args = ['-S', root, '-B', join(folder, name), '-DCMAKE_EXPORT_COMPILE_COMMANDS=ON', ...parts]
  await promisify(execFile)('cmake', [...args, ...options], { env })
  return JSON.parse(readFileSync(join(folder, name, 'compile_commands.json'), 'utf8'))
}

const hasFlag = (flag: string) => (one: CompileCommand) => one.command.split(' ').includes(flag)

describe('the build', () => {
  test('treats no warning as an error, unless CI asks for it', async () => {
    const users = await configure('users', [])
    expect(users.length).toBeGreaterThan(30)
    expect(users.filter(hasFlag('-Werror'))).toEqual([])
    expect(users.every(hasFlag('-Wextra'))).toBe(true)
    expect((await configure('option', ['-DSIMDGRES_WERROR=ON'])).every(hasFlag('-Werror'))).toBe(true)
    const ci = { ...usersEnv, SIMDGRES_WERROR: 'ON' }
    expect((await configure('environment', [], ci)).every(hasFlag('-Werror'))).toBe(true)
  })

  test('keeps the compiler from using SIMD in the baseline of the benchmarks alone', async () => {
    const commands = await configure('users', [])
    const slowed = commands.filter(hasFlag('-fno-tree-vectorize'))
    expect(slowed.map(({ command }) => /(\w+)\.dir\//.exec(command)?.[1])).toEqual(
      Array.from({ length: 5 }, () => 'simdgres_plain'),
    )
    const scalar = commands.filter(({ file }) => file.includes('/kernels/scalar/'))
    expect(scalar.filter((one) => !slowed.includes(one))).toHaveLength(6)
  })

  test('goes on with a compiler that warns about more than ours does', async () => {
    const build = async (name: string) => {
      const args = ['--build', join(folder, name), '--target', 'simdgres_kernels']
      const { stdout, stderr } = await promisify(execFile)('cmake', args, {
        env: usersEnv,
        maxBuffer: 2 ** 26,
      })
      return stdout + stderr
    }
    const laterCompiler = '-DCMAKE_C_FLAGS=-Wcast-align=strict'
    await configure('later', [laterCompiler])
    expect(await build('later')).toContain('warning: cast increases required alignment')
    // The control: the same warnings do end a build of CI.
    await configure('later-ci', [laterCompiler, '-DSIMDGRES_WERROR=ON'])
    await expect(build('later-ci')).rejects.toThrow(/cmake/)
  })
})
