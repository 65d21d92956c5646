import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '#src/system/cache-folder.js'

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8')
const manifest = JSON.parse(read('package.json'))

/** Every place that has to name the version, because its format cannot read it from another file. */
test.each([
  ['CMakeLists.txt', /project\(simdgres VERSION (\S+)/],
  ['native/kernels/include/simdgres.h', /#define SG_VERSION "(.+)"/],
  ['docker/Dockerfile', /ARG VERSION=(\S+)/],
  ['package-lock.json', /"version": "(.+)"/],
])('%s has the version of package.json', (file, pattern) => {
  expect(pattern.exec(read(file))?.[1]).toBe(manifest.version)
})

/** Databases are updated from one version of the SQL objects to the next, so they have versions of their own. */
test('the scripts of the extension lead to its version, and all of them are installed', () => {
  const version = /default_version = '(.+)'/.exec(read('native/pg/simdgres.control'))![1]
  const scripts = readdirSync(join(packageRoot, 'native/pg/sql'))
  expect(scripts.some((name) => name.endsWith(`--${version}.sql`))).toBe(true)
  const installed = read('native/pg/CMakeLists.txt')
  expect(scripts.filter((name) => !installed.includes(`sql/${name}`))).toEqual([])
})

test('setup refuses the same Node versions as npm', () => {
  const oldest = /oldestNode = \[(\d+), (\d+)\]/.exec(read('scripts/setup.mjs'))
  expect(`>=${oldest?.[1]}.${oldest?.[2]}`).toBe(manifest.engines.node)
})

test('the lock file pins every package, those of other platforms included, and names no registry', () => {
  const lock = JSON.parse(read('package-lock.json'))
  const packages: Record<string, { integrity?: string; optionalDependencies?: object }> = lock.packages
  const entries = Object.entries(packages).filter(([name]) => name !== '')
  expect(entries.filter(([, entry]) => entry.integrity === undefined)).toEqual([])
  const optional = entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}))
  expect(optional.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([])
  expect(read('package-lock.json')).not.toContain('"resolved"')
})
