import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateResultSchema } from '#src/result/gate-schema.js'
import { runCli } from './run-cli.js'

let folder: string
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-C', folder, ...args], {
    encoding: 'utf8',
  }).trim()

/** Fails, in words that only this set-up can have caused, where it has not been run on a new server. */
const setup = (words: string) => `CREATE TABLE public.items (id int);
DO $$ BEGIN RAISE EXCEPTION '%', '${words}'; END $$;`

const write = (workMem: string, sql: string) =>
  Promise.all([
    writeFile(join(folder, 'server.sql'), sql),
    writeFile(
      join(folder, 'simdgres.json'),
      JSON.stringify({
        ...{ dataset: 'synthetic-2000x16', queries: 50, budget: '1s', paths: ['null'] },
        ...{ settings: { work_mem: workMem }, setup: ['server.sql'] },
      }),
    ),
  ])

/** A project with three commits: the first is set up well, the second not, the third has no such file. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-gate-shop-'))
  git('init', '-q')
  await writeFile(join(folder, 'package.json'), '{ "name": "shop" }')
  for (const sql of ['CREATE TABLE public.items (id int)', setup('of the second commit')]) {
    await write('8MB', sql)
    git('add', '.')
    git('commit', '-q', '-m', 'set-up')
  }
  git('rm', '-q', '--cached', 'simdgres.json', 'server.sql')
  git('commit', '-q', '-m', 'no gate')
  await write('16MB', 'CREATE TABLE public.items (id int)')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('git:REF in another repository', () => {
  test('is set up by the simdgres.json of that commit, and the work tree by the present one', async () => {
    const json = join(folder, 'gate.json')
    const { code, stderr } = await runCli(['gate', '--base', 'git:HEAD~2', '--json', json], {}, folder)
    expect(stderr).not.toContain('error:')
    expect([0, 10, 11]).toContain(code)
    const { arms } = gateResultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    expect(arms.base).toMatchObject({ spec: 'git:HEAD~2+work_mem=8MB', commit: git('rev-parse', 'HEAD~2') })
    expect(arms.head).toMatchObject({ spec: 'work-tree+work_mem=16MB', commit: git('rev-parse', 'HEAD') })
  })

  test('runs the SQL of that commit, and where it fails there is nothing to compare with', async () => {
    const { code, stdout, stderr } = await runCli(['gate', '--base', 'git:HEAD~1'], {}, folder)
    expect(stderr).not.toContain('error:')
    expect(stdout).toMatch(
      /^NOT COMPARABLE.*cannot be set up.*running server\.sql for the base: of the second commit/ms,
    )
    expect(code).toBe(12)
  })

  test('of a commit without the file has the usual settings', async () => {
    const json = join(folder, 'none.json')
    // What the arm is called is known without a server.
    const { stderr } = await runCli(
      ['gate', '--base', 'git:HEAD', '--paths', 'addon-exact', '--threads', '1', '--json', json],
      {},
      folder,
    )
    expect(stderr).not.toContain('error:')
    const { arms } = gateResultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    expect(arms.base.spec).toBe('git:HEAD')
  })

  test('names a set-up that is not there, and refuses one for a server that is', async () => {
    await rm(join(folder, 'server.sql'))
    const missing = await runCli(['gate', '--dry-run', '--base', 'git:HEAD'], {}, folder)
    expect(missing.stderr).toMatch(
      /names server\.sql as its set-up, and it cannot be read: .*\n {2}next: Correct/,
    )
    await write('16MB', 'SELECT 1')
    const plain = join(folder, 'plain.json')
    await writeFile(plain, '{ "setup": ["server.sql"] }')
    const there = await runCli(
      ['gate', '--dry-run', '--config', plain, '--base', 'git:HEAD', '--head', 'url:postgres://h/d'],
      {},
      folder,
    )
    expect(there.stderr).toContain('the key setup of the file')
    expect([missing.code, there.code]).toEqual([2, 2])
  })
})
