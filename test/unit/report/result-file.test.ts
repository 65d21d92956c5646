import { readFileSync } from 'node:fs'
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeAdviceSchema, describeResultSchema, describeTuneSchema } from '#src/result/json-schema.js'
import { checkOutput, readResult, refuseSharedOutputs, writeResult } from '#src/result/result-file.js'
import { type BenchResult, type Measurement, resultSchema } from '#src/result/schema.js'
import { createResult } from './sample-result.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-report-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a result file', () => {
  it('reads back as it was written, and names its samples', async () => {
    const path = join(folder, 'out.json')
    const samples = { schema: 'simdgres.samples/1', rows: [] }
    await writeResult(path, createResult(), samples)
    expect(await readResult(path)).toEqual({ ...createResult(), samples: 'out.samples.json' })
    expect(JSON.parse(await readFile(join(folder, 'out.samples.json'), 'utf8'))).toEqual(samples)
    expect((await readdir(folder)).sort()).toEqual(['out.json', 'out.samples.json'])
  })

  it('has the schema’s name first, so that a reader knows what it holds', async () => {
    const path = join(folder, 'out.json')
    await writeResult(path, createResult(), {})
    expect(await readFile(path, 'utf8')).toMatch(/^\{\s*"schema": "simdgres\.bench\/2"/)
  })

  it('goes alone into a device, which stays one', async () => {
    await writeResult('/dev/null', createResult(), {})
    expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true)
    expect((await readdir('/dev')).filter((name) => name.startsWith('null.'))).toEqual([])
  })

  it.each([
    ['cut off', (text: string) => text.slice(0, 500)],
    ['of another schema', (text: string) => text.replace('simdgres.bench/2', 'simdgres.bench/9')],
    ['with a recall that is a word', (text: string) => text.replace(/"mean": 0\.71239/, '"mean": "good"')],
  ])('%s is refused', async (_name, damage) => {
    const path = join(folder, 'out.json')
    await writeFile(path, damage(JSON.stringify(createResult(), null, 2)))
    await expect(readResult(path)).rejects.toMatchObject({ code: 'ERR_CORRUPT_DATA' })
  })

  it.each([
    ['simdgres.bench/3', /another version: simdgres\.bench\/3, where this one reads simdgres\.bench\/1 and/],
    ['simdgres.tune/1', /is no result of simdgres bench, but simdgres\.tune\/1/],
    [undefined, /is not a result of simdgres bench/],
  ])('of schema %s is told apart', async (schema, message) => {
    const path = join(folder, 'out.json')
    await writeFile(path, JSON.stringify({ ...createResult(), schema }))
    await expect(readResult(path)).rejects.toMatchObject({ message: expect.stringMatching(message) })
  })

  it('knows that a measured row has no reason and an unavailable one needs it', () => {
    const result = createResult()
    const paths = result.paths.map((row) => (row.id === 'cache' ? { ...row, reason: undefined } : row))
    expect(resultSchema.safeParse({ ...result, paths }).success).toBe(false)
  })
})

describe('a result of version 1', () => {
  const file = fileURLToPath(new URL('result-version-1.json', import.meta.url))

  it('reads as one of version 2', async () => {
    const result = await readResult(file)
    expect(resultSchema.parse(result)).toEqual(result)
    expect(result).toMatchObject({ schema: 'simdgres.bench/2', isComplete: true, profile: 'default' })
    const [hnsw] = result.paths.filter(({ id }) => id === 'pgvector-hnsw')
    expect(hnsw).toMatchObject({
      arm: 'bench',
      load: { kind: 'closed', clients: 1 },
      loading: { ms: 2000, rowsPerSecond: 170_700 },
      indexBuild: { ms: 61_400, bytes: 142_000_000, build: 1 },
      latencyMs: { p50: 1, p95: 2, p99: 3 },
    })
    expect(result.paths.find(({ id }) => id === 'cache')).toMatchObject({
      status: 'unavailable',
      arm: 'bench',
    })
    const [{ subject, ratio, ci95 }] = result.comparisons as [BenchResult['comparisons'][number]]
    expect(subject).toEqual({ id: 'extension-exact', arm: 'bench', params: { workers: 0 } })
    expect([ratio, ...ci95].map((value) => 1 / value)).toEqual(
      [1.314, 1.33, 1.29].map((value) => expect.closeTo(value, 9)),
    )
  })

  it('loses the percentiles that it had no calls for', async () => {
    const sql = (await readResult(file)).paths.find(({ id }) => id === 'sql') as Measurement
    expect(sql.calls).toBe(12)
    expect(sql.latencyMs.p50).toBe(1)
    expect(sql.latencyMs).not.toHaveProperty('p95')
    expect(sql.latencyMs.percentilesCi95).not.toHaveProperty('p99')
  })
})

describe('the JSON Schema in docs/', () => {
  it('is the one of the code', () => {
    const written = readFileSync(new URL('../../../docs/result.schema.json', import.meta.url), 'utf8')
    // Made anew by `node scripts/result-schema.mjs`.
    expect(JSON.parse(written)).toEqual(JSON.parse(describeResultSchema()))
  })

  it('of a tuning run is the one of the code', () => {
    const written = readFileSync(new URL('../../../docs/tune.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(written)).toEqual(JSON.parse(describeTuneSchema()))
  })

  it('of advice is the one of the code', () => {
    const written = readFileSync(new URL('../../../docs/advise.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(written)).toEqual(JSON.parse(describeAdviceSchema()))
  })

  it('has every field of a row, and where a reason is needed', () => {
    const { properties } = JSON.parse(describeResultSchema())
    const [ok, ...others] = properties.paths.items.oneOf
    const names = ['arm', 'load', 'settings', 'indexBuild', 'plan', 'status', 'recall', 'latencyMs']
    for (const name of names) expect(ok.properties).toHaveProperty(name)
    for (const other of others) expect(other.required).toContain('reason')
  })
})

describe('an output path', () => {
  it('is checked before anything is written', async () => {
    await expect(checkOutput('--json', join(folder, 'new.json'))).resolves.toBeUndefined()
    await expect(checkOutput('--json', join(folder, 'no', 'such.json'))).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
    })
    await expect(checkOutput('--json', folder)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('two outputs', () => {
  const named = (...paths: string[]) => paths.map((path, i) => ({ option: `--${i}`, path }))

  it('of one place are refused, however it is spelt', async () => {
    const path = join(folder, 'x')
    await expect(refuseSharedOutputs(named(path, `${folder}/./x`))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('--0 and --1'),
    })
    await expect(refuseSharedOutputs(named(path, '-', '/dev/stdout'))).rejects.toThrow('--1 and --2')
  })

  it('of two places are not, nor what nobody keeps', async () => {
    await refuseSharedOutputs(named(join(folder, 'x'), join(folder, 'y'), '/dev/null', '/dev/null'))
  })
})
