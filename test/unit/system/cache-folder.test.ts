import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { cacheFolder, cachePath, packageRoot } from '#src/system/cache-folder.js'

const root = mkdtempSync(join(tmpdir(), 'simdgres-cache-folder-'))
afterAll(() => rmSync(root, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

test.each([
  ['a device in its path', () => '/dev/null/x', /A part of the path is not a folder \(ENOTDIR\)/],
  [
    'a file in its place',
    () => {
      const file = join(root, 'file')
      writeFileSync(file, '')
      return file
    },
    /ENOTDIR|EEXIST/,
  ],
])('%s: ERR_RESOURCE that names the folder and SIMDGRES_CACHE', (_what, cache, reason) => {
  const place = cache()
  vi.stubEnv('SIMDGRES_CACHE', place)
  let thrown: unknown
  try {
    cacheFolder('images')
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(SimdgresError)
  expect(thrown).toMatchObject({ code: 'ERR_RESOURCE', hint: expect.stringContaining('SIMDGRES_CACHE') })
  expect((thrown as Error).message).toContain(`The cache folder ${place}/images cannot be written`)
  expect((thrown as Error).message).toMatch(reason)
})

test('a path in the cache is told without making it', () => {
  vi.stubEnv('SIMDGRES_CACHE', join(root, 'unmade'))
  expect(cachePath('a', 'b')).toBe(join(root, 'unmade', 'a', 'b'))
  expect(existsSync(join(root, 'unmade'))).toBe(false)
})

describe('a package that belongs to somebody else', () => {
  const installed = join(root, 'installed')
  const home = join(root, 'home')
  const closed = join(root, 'closed')
  const nobody = 65_534
  const user = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}

  beforeAll(() => {
    chmodSync(root, 0o755)
    for (const name of ['cache-folder', 'storage-error']) {
      cpSync(
        join(packageRoot, 'dist', 'system', `${name}.js`),
        join(installed, 'dist', 'system', `${name}.js`),
      )
    }
    cpSync(join(packageRoot, 'dist', 'errors.js'), join(installed, 'dist', 'errors.js'))
    writeFileSync(join(installed, 'package.json'), '{"type":"module"}')
    for (const folder of [home, closed]) mkdirSync(folder)
    chmodSync(home, 0o777)
    chmodSync(closed, 0o555)
    chmodSync(installed, 0o555)
  })
  afterAll(() => {
    for (const folder of [installed, closed]) chmodSync(folder, 0o755)
  })

  /** What cacheFolder('images') gives an ordinary user who runs that package. */
  function askAsUser(environment: Record<string, string>): string {
    const module = join(installed, 'dist', 'system', 'cache-folder.js')
    const script = `import(${JSON.stringify(module)}).then((m) => m.cacheFolder('images')).then(console.log,
      (error) => console.log(error.code, error.message, error.hint))`
    const env = { PATH: process.env['PATH'], ...environment }
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: '/',
      env,
      encoding: 'utf8',
      ...user,
    })
    expect(stderr).toBe('')
    return stdout.trim()
  }

  test("falls back to the user's cache folder", () => {
    const own = join(home, '.cache', 'simdgres', 'images')
    expect(askAsUser({ HOME: home })).toBe(own)
    expect(askAsUser({ HOME: home, XDG_CACHE_HOME: 'relative' })).toBe(own)
    expect(askAsUser({ HOME: closed, XDG_CACHE_HOME: join(home, 'xdg') })).toBe(
      join(home, 'xdg', 'simdgres', 'images'),
    )
  })

  test('a .cache that its owner has made there is not written to either', () => {
    chmodSync(installed, 0o755)
    mkdirSync(join(installed, '.cache'), { mode: 0o555 })
    chmodSync(installed, 0o555)
    expect(askAsUser({ HOME: home })).toBe(join(home, '.cache', 'simdgres', 'images'))
  })

  test.each([
    ['a folder that is there', closed, 'Permission was denied (EACCES)'],
    ['a folder that would have to be made', join(closed, 'new'), 'Permission was denied (EACCES)'],
  ])('SIMDGRES_CACHE names %s and is closed: ERR_RESOURCE', (_what, folder, reason) => {
    const answer = askAsUser({ HOME: home, SIMDGRES_CACHE: folder })
    expect(answer).toContain(`ERR_RESOURCE The cache folder ${folder}/images cannot be written: ${reason}`)
    expect(answer).toContain('Set SIMDGRES_CACHE to a folder you may write to')
  })

  test('neither the package nor the home folder can be written: ERR_RESOURCE', () => {
    expect(askAsUser({ HOME: closed })).toContain(
      `ERR_RESOURCE The cache folder ${closed}/.cache/simdgres/images cannot be written`,
    )
  })
})
