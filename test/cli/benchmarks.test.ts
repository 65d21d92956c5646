import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { benchProgram, buildBenches } from '../../scripts/setup/build.mjs'

/** What all benchmarks write with --json, as readers of their results rely on it. */
const resultSchema = z.object({
  schema: z.string(),
  startedAt: z.iso.datetime(),
  environment: z.object({ cpu: z.string(), isa: z.string(), readBandwidthGBps: z.number().positive() }),
  rows: z.array(
    z.object({
      work: z.string(),
      name: z.string(),
      isa: z.string().optional(),
      dims: z.int().positive(),
      ms: z.number().positive(),
      gbps: z.number().positive().optional(),
      recall: z.number().min(0).max(1).optional(),
      readShare: z.number().positive().optional(),
      ratio: z.number().positive(),
      addedMs: z.number().optional(),
      addedMsCi95: z.tuple([z.number(), z.number()]).optional(),
    }),
  ),
  /** What `ratio` is to, by work. */
  ratios: z.record(z.string(), z.string()),
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-benchmarks-'))
  await buildBenches('kernels')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function startBenchmark(name: string, ...args: string[]) {
  const child = spawn(process.execPath, [benchProgram(name), '--quick', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
    })
  }
  const done = once(child, 'close').then(([code]) => ({ ...output, code: code as number | null }))
  return { child, output, done }
}

async function runBenchmark(name: string, ...args: string[]) {
  const json = join(folder, `${name}.json`)
  const { code, stdout, stderr } = await startBenchmark(name, '--json', json, ...args).done
  expect(stderr).not.toContain('error:')
  expect(code).toBe(0)
  const result = resultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
  for (const { work } of result.rows) expect(result.ratios).toHaveProperty([work])
  return { result, stdout }
}

describe('bench:kernels', () => {
  it('times kernels and the compiler beside code without SIMD, in cache and from memory', async () => {
    // One of each kind of type: all of them take minutes.
    const { result, stdout } = await runBenchmark('kernels', '--ops', 'dot,hamming')
    expect(result.schema).toBe('simdgres.kernels/1')
    const { rows } = result
    expect(new Set(rows.map(({ work }) => work))).toEqual(new Set(['pair', 'scan']))
    const names = new Set(rows.map(({ name }) => name))
    expect([...names].sort()).toEqual(['dot f16', 'dot f32', 'dot i8', 'hamming b1'])
    for (const row of rows.filter(({ isa, work }) => isa === 'plain' && work === 'pair')) {
      expect(row.ratio).toBe(1)
    }
    expect(rows.some(({ isa }) => isa === 'scalar')).toBe(true)
    expect(rows.some(({ isa }) => isa?.startsWith('auto-'))).toBe(true)
    for (const name of names) expect(stdout).toContain(name)
  })
})

describe('bench:harness', () => {
  it('says what the harness adds to a round trip and to a search', async () => {
    const { result, stdout } = await runBenchmark('harness', '--target', 'local')
    expect(result.schema).toBe('simdgres.harness/1')
    expect(result.rows.map(({ name }) => name)).toEqual([
      'node-postgres alone',
      'null path, harness',
      'VectorSet alone',
      'addon-exact, harness',
      'a promise alone',
      'addon-exact, no search',
    ])
    for (const { addedMs, addedMsCi95 } of result.rows.filter(({ addedMs }) => addedMs !== undefined)) {
      expect(addedMsCi95![0]).toBeLessThanOrEqual(addedMs!)
      expect(addedMs).toBeLessThanOrEqual(addedMsCi95![1])
    }
    expect(stdout).toContain('added ns')
  })

  it('refuses a target that is none', async () => {
    const { code, stderr } = await startBenchmark('harness', '--target', 'moon').done
    expect(code).toBe(2)
    expect(stderr).toContain('--target')
  })
})

// Builds three libraries and loads all GloVe vectors, which takes minutes: SIMDGRES_TEST_PEERS=1 npm test -- benchmarks
if (process.env['SIMDGRES_TEST_PEERS']) {
  describe('bench:peers', () => {
    it('searches real vectors beside other libraries, and finds the same neighbours', async () => {
      const { result, stdout } = await runBenchmark('peers')
      expect(result.schema).toBe('simdgres.peers/1')
      const [first] = result.rows
      expect(first).toMatchObject({ work: 'one query', name: 'simdgres searchSync', recall: 1, ratio: 1 })
      const names = result.rows.map(({ name }) => name)
      for (const name of ['simdgres searchSync, codes', 'usearch exactSearch', 'FAISS Flat']) {
        expect(names).toContain(name)
      }
      // Others work in float32: a tie of two neighbours can go the other way. HNSW is set to find most of them.
      for (const { name, recall } of result.rows) {
        const least = name.startsWith('FAISS HNSW') ? 0.9 : 0.99
        expect([name, (recall ?? Number.NaN) > least]).toEqual([name, name !== 'plain read of as many bytes'])
      }
      expect(stdout).toMatch(
        /of the speed of a plain read of as many bytes, \S+ of the read bandwidth of one thread/,
      )
    })

    it('installs them once, and stops on Ctrl-C', async () => {
      const { child, output, done } = startBenchmark('peers')
      child.stderr.on('data', () => {
        // Once: the second ends it without cleaning up.
        if (!child.killed && output.stderr.includes('Comparing libraries')) child.kill('SIGINT')
      })
      const { code, stdout, stderr } = await done
      expect(stderr).not.toContain('Installing')
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    })
  })
}
