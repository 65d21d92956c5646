import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CapacityResult, capacitySchema } from '#src/result/capacity-schema.js'
import { type CliResult, runCli } from './run-cli.js'

const small = ['--dims', '32', '--sizes', '1000,2000,4000', '--seconds', '0.3', '--target', 'local']

let folder: string
let measured: CliResult
const file = (name: string) => join(folder, name)
const read = async (name: string): Promise<CapacityResult> =>
  capacitySchema.parse(JSON.parse(await readFile(file(name), 'utf8')))
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-capacity-'))
  measured = await runCli(['capacity', '--rows', '1e6', ...small, '--json', file('one.json')])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('capacity', () => {
  test('measures growing sets exactly, and estimates from them', async () => {
    expect(measured.code, measured.stderr).toBe(0)
    expect(measured.stdout).toContain('1,000,000 rows of 32 dimensions, l2, exact answers (extension-index):')
    const { growth, request, estimate } = await read('one.json')
    expect(growth.points.map(({ rows }) => rows)).toEqual([1000, 2000, 4000])
    for (const point of growth.points) {
      expect(point.recall).toBe(1)
      expect(point.p95Ms).toBeGreaterThanOrEqual(point.p50Ms)
    }
    expect(request).toEqual({
      rows: 1e6,
      memoryBytes: growth.environment.memoryBytes,
      cpus: growth.environment.cores,
    })
    expect(estimate?.nodes.middle).toBeGreaterThanOrEqual(1)
  })

  test('estimates again from what it saved, and measures nothing', async () => {
    const more = [
      '--rows',
      '1e9',
      '--memory',
      '16Gi',
      '--cpus',
      '4',
      '--qps',
      '50',
      '--json',
      file('two.json'),
    ]
    const { code, stderr } = await runCli(['capacity', '--from', file('one.json'), ...more])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [one, two] = [await read('one.json'), await read('two.json')]
    expect(two.growth).toEqual(one.growth)
    expect(two.request).toEqual({ rows: 1e9, qps: 50, memoryBytes: 16 * 1024 ** 3, cpus: 4 })
    expect(two.estimate?.nodes.middle).toBeGreaterThan(one.estimate?.nodes.middle ?? 0)
  })

  test('keeps a measurement from which nothing can be estimated as asked', async () => {
    const args = ['--rows', '1e9', '--p95', '1us', '--json', file('three.json')]
    expect((await runCli(['capacity', '--from', file('one.json'), ...args])).code).toBe(2)
    const three = await read('three.json')
    expect(three.growth).toEqual((await read('one.json')).growth)
    expect(three.estimate).toBeUndefined()
  })

  test('says with --dry-run what it would measure', async () => {
    const { code, stdout } = await runCli([
      'capacity',
      '--rows',
      '1e9',
      '--dims',
      '768',
      '--recall',
      '0.95',
      '--dry-run',
    ])
    expect(code).toBe(0)
    expect(stdout).toContain('path: pgvector-hnsw')
    expect(stdout.match(/measure: synthetic-\d+x768-text/g)).toHaveLength(5)
  })

  test.each([
    ['no rows', ['--dims', '8'], 2, '--rows'],
    ['no dimensions', ['--rows', '10'], 2, '--dims'],
    ['too few sizes', ['--rows', '10', '--dims', '8', '--sizes', '1000,2000'], 2, 'three or more'],
    ['sizes that are close', ['--rows', '10', '--dims', '8', '--sizes', '1000,2000,3000'], 2, 'four times'],
    ['a recall', ['--rows', '10', '--dims', '8', '--recall', '95'], 2, '--recall'],
    ['sizes and a measurement', ['--rows', '10', '--from', 'ONE', '--sizes', '1,2,3'], 2, '--sizes'],
    ['other dimensions than were measured', ['--rows', '10', '--from', 'ONE', '--dims', '8'], 2, 'measured'],
    ['a time without a unit', ['--rows', '10', '--dims', '8', '--p95', '50'], 2, '--p95'],
    [
      'a time that nothing reaches',
      ['--rows', '1e9', '--from', 'ONE', '--p95', '1us'],
      2,
      'No number of nodes',
    ],
    ['a file that is not there', ['--rows', '10', '--from', 'none.json'], 2, '--from'],
    ['a file of something else', ['--rows', '10', '--from', 'OTHER'], 4, 'no result of simdgres capacity'],
  ])('says what is wrong with %s', async (_title, args, expected, text) => {
    await writeFile(file('other.json'), '{}')
    const places: Record<string, string> = { ONE: file('one.json'), OTHER: file('other.json') }
    const { code, stdout, stderr } = await runCli(['capacity', ...args.map((word) => places[word] ?? word)])
    expect({ code, stdout }, stderr).toEqual({ code: expected, stdout: '' })
    expect(stderr).toContain(text)
  })
})
