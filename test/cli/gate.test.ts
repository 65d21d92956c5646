import { lstat, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateResultSchema } from '#src/result/gate-schema.js'
import { cacheFolder, packageRoot } from '#src/system/cache-folder.js'
import { runCli } from './run-cli.js'
import { commitFiles, commitLibrary, manifest, sameLibrary } from './support/commits.js'
import { smallGate } from './support/small-gate.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-gate-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('simdgres gate', () => {
  test('compares a commit with the work tree by the public API of each, and writes every report', async () => {
    const commit = await commitLibrary(sameLibrary)
    const [json, markdown, junit, history] = ['json', 'md', 'xml', 'ndjson'].map((end) =>
      join(folder, `gate.${end}`),
    )
    const outputs = ['--json', json!, '--markdown', markdown!, '--junit', junit!, '--history', history!]
    const args = ['gate', ...smallGate, '--base', `git:${commit}`, ...outputs]
    const { code, stdout } = await runCli(args)
    // How quiet the machine is decides which.
    expect([0, 10, 11]).toContain(code)
    const result = gateResultSchema.parse(JSON.parse(await readFile(json!, 'utf8')))
    expect(result.arms.base).toMatchObject({ spec: `git:${commit}`, commit })
    expect(result.metrics.map(({ subject }) => subject)).toContain('addon-exact threads=1')
    expect(result.metrics.every(({ observations }) => observations[0] === 16)).toBe(true)
    expect(result.checks).toEqual([])
    expect(stdout).toMatch(/^(OK|IMPROVED|REGRESSED|INCONCLUSIVE)/m)
    expect(await readFile(markdown!, 'utf8')).toMatch(/^\*\*simdgres gate: /)
    expect(await readFile(junit!, 'utf8')).toContain(`tests="${result.metrics.length}"`)
    expect(JSON.parse(await readFile(history!, 'utf8'))).toEqual(result)
    // What npm does to the work tree's modules later is nothing to the commit that was built.
    const modules = await lstat(join(cacheFolder('gate'), commit, 'node_modules'))
    expect(modules.isDirectory()).toBe(true)
  })

  test('sees the recall that a self-test takes from an approximate path, over builds and not over queries', async () => {
    const json = join(folder, 'self-test.json')
    const data = ['--dataset', 'synthetic-2000x16', '--queries', '200', '--budget', '2s', '--json', json]
    const search = ['--paths', 'pgvector-hnsw', '--builds', '3', '--recall', '0.9']
    const { code, stdout, stderr } = await runCli([
      'gate',
      '--self-test',
      '--base',
      'work-tree',
      ...search,
      ...data,
    ])
    expect(stderr).not.toContain('error:')
    expect(code, stdout).toBe(0)
    const { metrics } = gateResultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    const [recall, ...others] = metrics.filter(({ metric }) => metric === 'recall')
    expect(others).toEqual([])
    expect(recall).toMatchObject({ outcome: 'regressed', observedBy: 'build', observations: [3, 3] })
    expect(recall!.values!.base - recall!.values!.head).toBeGreaterThan(0.007)
    expect(stdout).toMatch(/recall +regressed +−\d\.\d\d points/)
  })

  test('a base that does not build is not comparable, with the last lines of its build', async () => {
    const commit = await commitFiles({
      'package.json': manifest('echo no compiler today; exit 3'),
      'package-lock.json': await readFile(join(packageRoot, 'package-lock.json'), 'utf8'),
    })
    const { code, stdout } = await runCli(['gate', ...smallGate, '--base', `git:${commit}`])
    expect(stdout).toMatch(/^NOT COMPARABLE.*no compiler today/ms)
    expect(code).toBe(12)
  })

  test.each([
    [['--base', 'git:no-such-ref'], 'Git knows no commit no-such-ref'],
    [['--base', 'nonsense'], '--base'],
    [['--a-a', '--head', 'work-tree', '--base', 'work-tree'], '--a-a'],
    [['--paths', 'pgvector-hnws', '--base', 'work-tree'], 'pgvector-hnsw'],
    [['--builds', '2', '--base', 'work-tree'], '--builds'],
    [['--recall', '95', '--base', 'work-tree'], '--recall'],
    [['--self-test', '--paths', 'null', '--base', 'work-tree'], 'addon-exact'],
  ])('refuses %j', async (args, words) => {
    const { code, stderr } = await runCli(['gate', ...args])
    expect(stderr).toContain(words)
    expect(code).toBe(2)
  })

  test('a dry run changes nothing and names what would be compared', async () => {
    const cache = join(folder, 'cache')
    const { code, stdout } = await runCli(['gate', '--dry-run', '--base', 'git:HEAD'], {
      SIMDGRES_CACHE: cache,
    })
    expect(stdout).toMatch(/^base +git:HEAD\nhead +work-tree\n/)
    expect(code).toBe(0)
    await expect(readFile(cache)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
