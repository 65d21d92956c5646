import { execFileSync, spawnSync } from 'node:child_process'
import { appendFile, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateResultSchema } from '#src/result/gate-schema.js'
import { packageRoot } from '#src/system/cache-folder.js'
import { commitLibrary, sameLibrary } from './support/commits.js'
import { smallGate } from './support/small-gate.js'

let folder: string
let clone: string
const git = (...args: string[]) => execFileSync('git', ['-C', clone, ...args], { encoding: 'utf8' })

/** A clone of the last commit alone, with what is built here, on a branch that leads to no main branch. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-gate-clone-'))
  clone = join(folder, 'simdgres')
  execFileSync('git', ['clone', '-q', '--depth', '1', `file://${packageRoot}`, clone])
  git('checkout', '-q', '-B', 'feature')
  for (const branch of ['main', 'master']) spawnSync('git', ['-C', clone, 'branch', '-q', '-D', branch])
  git('remote', 'remove', 'origin')
  await cp(join(packageRoot, 'dist'), join(clone, 'dist'), { recursive: true })
  await cp(join(packageRoot, 'build/Release/simdgres.node'), join(clone, 'build/Release/simdgres.node'))
  await symlink(join(packageRoot, 'node_modules'), join(clone, 'node_modules'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function gate(...args: readonly string[]) {
  const binary = join(clone, 'bin/simdgres.js')
  return spawnSync(process.execPath, [binary, 'gate', ...smallGate, ...args], {
    cwd: clone,
    encoding: 'utf8',
  })
}

describe('the gate in a shallow clone', () => {
  test('says what to fetch where the base is not there', () => {
    const { status, stderr } = gate('--base', 'git:HEAD~1')
    expect(stderr).toContain(`error: Git knows no commit HEAD~1 in ${clone}`)
    expect(stderr).toContain('next: In a shallow clone, fetch it first: git fetch --unshallow')
    expect(status).toBe(2)
  })

  test('says what to name or fetch where there is no main branch', () => {
    const { status, stderr } = gate()
    expect(stderr).toContain('has in common with a branch main or master')
    expect(stderr).toContain(
      'next: Name the base (--base git:REF); in a shallow clone, fetch the history first',
    )
    expect(status).toBe(2)
  })
})

test('the gate measures a dirty work tree, names it so, and leaves it and the repository as they were', async () => {
  const base = await commitLibrary(sameLibrary, clone)
  await appendFile(join(clone, 'README.md'), 'A sentence that is not committed.\n')
  const before = [git('status', '--porcelain'), git('worktree', 'list'), git('branch', '-a')]
  const json = join(folder, 'gate.json')
  const { status, stderr } = gate('--base', `git:${base}`, '--json', json)
  expect(stderr).not.toContain('error:')
  expect([0, 10, 11]).toContain(status)
  const { arms } = gateResultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
  expect(arms.base.commit).toBe(base)
  expect(arms.head.commit).toBe(`${git('rev-parse', 'HEAD').trim()}-dirty`)
  expect([git('status', '--porcelain'), git('worktree', 'list'), git('branch', '-a')]).toEqual(before)
  expect(before[0]).toContain(' M README.md')
})
