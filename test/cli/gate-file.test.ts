import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from './run-cli.js'

let folder: string
let file: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-gate-file-'))
  file = join(folder, 'simdgres.json')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('simdgres.json', () => {
  test('says what is compared, and the command line wins', async () => {
    const content = {
      $schema: 'docs/simdgres.schema.json',
      base: 'git:HEAD',
      dataset: 'synthetic-5000x32',
      rows: 2000,
      paths: ['pgvector-hnsw', 'null'],
      recallTargets: [0.9, 0.99],
      builds: 3,
      budget: '1m',
      settings: { work_mem: '8MB' },
    }
    await writeFile(file, JSON.stringify(content))
    const own = ['--rows', '1000', '--head', 'work-tree+work_mem=4MB', '--budget', '2s']
    const { code, stdout, stderr } = await runCli(['gate', '--dry-run', '--config', file, ...own])
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toEqual([
      'base      git:HEAD+work_mem=8MB',
      'head      work-tree+work_mem=4MB',
      'paths     null, pgvector-hnsw',
      'data set  synthetic-5000x32, at most 1000 rows',
      'recall    0.9, 0.99 in the base, over 3 builds of each arm',
      'time      2 s of measuring, both stages together',
      '',
    ])
    expect(code).toBe(0)
  })

  test('of the working folder is read without being named', async () => {
    await writeFile(file, '{ "budgte": "5m" }')
    const { code, stderr } = await runCli(['gate', '--dry-run', '--base', 'git:HEAD'], {}, folder)
    expect(stderr).toBe(
      'error: simdgres.json has an unknown key budgte\n  next: Did you mean budget? Correct it in simdgres.json.\n',
    )
    expect(code).toBe(2)
  })

  test.each([
    ['no JSON', '{ "rows": 1, }', /is not JSON: .*\n {2}next: Correct .*simdgres\.json/],
    ['a wrong value', '{ "rows": 0 }', /wrong value for the key rows: .*\n {2}next: Correct the key rows in/],
    ['a path that is none', '{ "paths": ["null", "hnsw"] }', /the key paths\.1: .*pgvector-hnsw/],
    ['too few builds', '{ "builds": 2 }', /the key builds: .*3/],
    ['a recall in per cent', '{ "recallTargets": [95] }', /the key recallTargets\.0/],
    ['a list', '[]', /wrong value for the whole file/],
    ['an unknown key of the policy', '{ "policy": { "alfa": 0.01 } }', /key policy\.alfa\n.*policy\.alpha\?/],
    [
      'a policy that contradicts itself',
      '{ "policy": { "minimalRecallLoss": 0.01 } }',
      /policy\.minimalRecallLoss that is not below policy\.detectableRecallLoss\n {2}next: Lower/,
    ],
    [
      'settings for a server that is there',
      '{ "base": "url:postgres://h/d", "settings": { "jit": "on" } }',
      /settings of the file.*\n.*Remove settings/,
    ],
    ['an arm that is none', '{ "base": "main" }', /the key base of the file/],
  ])('with %s is refused with its name and the next step', async (_what, content, words) => {
    await writeFile(file, content)
    const { code, stderr } = await runCli(['gate', '--dry-run', '--config', file])
    expect(stderr).toMatch(words)
    expect(code).toBe(2)
  })

  test('that is named and is not there is an error', async () => {
    const { code, stderr } = await runCli(['gate', '--dry-run', '--config', join(folder, 'none.json')])
    expect(stderr).toMatch(/none\.json cannot be read: .*\n {2}next: Pass --config/)
    expect(code).toBe(2)
  })
})
