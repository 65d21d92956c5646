import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readResult } from '#src/result/result-file.js'
import { type BenchResult, resultSchema } from '#src/result/schema.js'
import { isAlive, listDescendants, runCli, startCli } from './run-cli.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-bench-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const small = ['bench', '--seconds', '0.3', '--dataset', 'synthetic-3000x32', '--queries', '100']
const local = [...small, '--target', 'local']
/** To be interrupted. */
const lasting = [...local, '--seconds', '60']

const measured = (result: BenchResult) => result.paths.filter((row) => row.status === 'ok')

describe('bench without a server', () => {
  it('measures the paths of this process, and prints the result alone on stdout', async () => {
    const { code, stdout, stderr } = await runCli([
      ...small,
      '--paths',
      'addon-exact,addon-batch',
      '--json',
      '-',
    ])
    expect(stderr).toContain('addon-exact')
    expect(code).toBe(0)
    const result = resultSchema.parse(JSON.parse(stdout))
    expect(result.environment).toMatchObject({ target: 'none', settings: {} })
    expect(result.dataset).toMatchObject({ synthetic: true, rows: 3000, dims: 32, queries: 100, k: 10 })
    for (const row of measured(result)) expect(row.recall?.mean).toBe(1)
  })

  it('uses the instruction set it is told to, and says so', async () => {
    const args = [...small, '--paths', 'addon-exact', '--isa', 'scalar', '--json', '-', '--quiet']
    const { code, stdout, stderr } = await runCli(args)
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    expect(resultSchema.parse(JSON.parse(stdout)).environment.isa).toBe('scalar')
  })

  it('reads the bandwidth before and after all rounds alone: 512 MiB would push the data out of the caches', async () => {
    const addon = fileURLToPath(new URL('children/noting-addon.cjs', import.meta.url))
    const args = [...small, '--paths', 'addon-exact', '--json', '-', '--quiet']
    const { code, stdout, stderr } = await runCli(args, { SIMDGRES_ADDON: addon })
    expect(code).toBe(0)
    const reads = [...stderr.matchAll(/bandwidth after (\d+) searches/g)].map(([, count]) => Number(count))
    expect(reads).toHaveLength(2)
    const asked = measured(resultSchema.parse(JSON.parse(stdout))).reduce(
      (sum, { queries }) => sum + queries,
      0,
    )
    expect(reads[1]! - reads[0]!).toBeGreaterThanOrEqual(asked)
  })

  it('ends with code 1 where an exact path misses a neighbour, after the result is written', async () => {
    const json = join(await mkdtemp(join(folder, 'broken-')), 'out.json')
    const addon = fileURLToPath(new URL('children/forgetful-addon.cjs', import.meta.url))
    const args = [...small, '--paths', 'addon-exact,addon-batch', '--json', json]
    const { code, stdout, stderr } = await runCli(args, { SIMDGRES_ADDON: addon })
    expect(stderr).toContain('error: Exact paths missed neighbours: addon-exact {"threads":1}')
    expect(stderr).not.toMatch(/missed neighbours.*addon-batch/)
    expect(code).toBe(1)
    expect(stdout).toContain('addon-exact')
    const recalls = measured(await readResult(json)).map(({ id, recall }) => [id, recall?.mean === 1])
    expect(Object.fromEntries(recalls)).toEqual({ 'addon-exact': false, 'addon-batch': true })
  })

  it('sets an earlier result beside the new one, and warns of other data', async () => {
    const json = join(folder, 'before.json')
    const args = ['bench', '--seconds', '0.2', '--queries', '20', '--paths', 'addon-exact']
    const first = await runCli([...args, '--dataset', 'synthetic-2000x16', '--json', json])
    expect(first.code).toBe(0)
    const second = await runCli([...args, '--dataset', 'synthetic-2500x16', '--compare', json])
    expect(second.code).toBe(0)
    expect(second.stdout).toMatch(/warning: The earlier run searched other data .*run again with the same/)
    expect(second.stdout).toMatch(/\naddon-exact threads=1: p50 .* → .* ms, recall 1\.0000 → 1\.0000\n/)
    const missing = await runCli([...args, '--dataset', 'synthetic-2000x16', '--compare', '/no/such.json'])
    expect(missing.code).not.toBe(0)
    expect(missing.stderr).toMatch(/error: .*\n {2}next: /)
  })

  it('has nothing to measure where no path is left', async () => {
    const l1 = ['--metric', 'l1', '--target', 'local']
    const { code, stdout, stderr } = await runCli([...small, ...l1, '--paths', 'extension-index'])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(
      /error: None of the paths can run here:\n {2}extension-index: .*no operator class for l1/,
    )
  })

  it('does not measure for a result that could not be written', async () => {
    // Root may write to this folder, as far as permissions tell.
    const { code, stderr } = await runCli([...small, '--paths', 'addon-exact', '--json', '/proc/out.json'])
    expect(code).toBe(5)
    expect(stderr).toMatch(/^error: --json: /)
  })
})

describe('bench on a private server', () => {
  it('measures every path, with recall, and writes result, samples and Markdown', async () => {
    const results = await mkdtemp(join(folder, 'all-'))
    const json = join(results, 'out.json')
    const markdown = join(results, 'out.md')
    const args = [...local, '--json', json, '--markdown', markdown, '--set', 'work_mem=7MB']
    const { code, stdout, stderr } = await runCli(args)
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    const result = await readResult(json)
    const rows = measured(result)
    // Measured where this machine has a Redis; else the row says how to get one.
    const cached = result.paths.find(({ id }) => id === 'cache')!
    if (cached.status === 'ok') expect(cached.recall?.mean).toBe(1)
    else expect(cached.reason).toMatch(/install redis-server.*CACHE_URL/)
    const ids = new Set(rows.map(({ id }) => id).filter((id) => id !== 'cache'))
    const exact = [
      'sql',
      'pgvector-exact',
      'extension-exact',
      'extension-index',
      'addon-exact',
      'addon-levels',
      'addon-batch',
    ] as const
    const indexes = ['pgvector-hnsw', 'pgvector-hnsw-halfvec', 'pgvector-hnsw-bit', 'pgvector-ivfflat']
    expect([...ids].sort()).toEqual(['null', ...indexes, ...exact].sort())
    for (const row of rows.filter(({ id }) => exact.some((name) => name === id))) {
      expect([row.id, row.recall?.mean]).toEqual([row.id, 1])
    }
    expect(rows.find(({ id }) => id === 'null')).not.toHaveProperty('recall')
    const unavailable = result.paths.filter((row) => row.status === 'unavailable')
    expect(unavailable.map(({ id }) => id).filter((id) => id !== 'cache')).toEqual([])
    expect(result.environment).toMatchObject({ target: 'local', settings: { work_mem: '7MB', jit: 'off' } })
    expect(result.comparisons.length).toBeGreaterThan(0)
    checkFiles(result, stdout, await readFile(markdown, 'utf8'))
    expect((await readdir(results)).sort()).toEqual(['out.json', 'out.md', 'out.samples.json'])
    const samples = JSON.parse(await readFile(join(results, 'out.samples.json'), 'utf8')) as {
      rows: { rounds: { us: number[] }[] }[]
    }
    expect(samples.rows).toHaveLength(rows.length)
  })

  function checkFiles(result: BenchResult, stdout: string, markdown: string): void {
    for (const row of measured(result)) {
      expect(stdout).toContain(row.id)
      expect(markdown).toContain(`| ${row.id} |`)
    }
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toContain('SYNTHETIC')
    expect(stdout).not.toContain('Measuring')
  }

  it('finds more neighbours the more of the graph it searches', async () => {
    // No clusters and no subspace: neighbours are hard to find, and ef_search decides how many are.
    const dataset = ['--dataset', 'synthetic-4000x48-i48-c1', '--queries', '100', '--k', '10']
    // Long enough to ask all queries.
    const args = ['bench', '--seconds', '1', '--target', 'local', ...dataset]
    const { code, stdout } = await runCli([...args, '--paths', 'pgvector-hnsw', '--json', '-'])
    expect(code).toBe(0)
    const rows = measured(resultSchema.parse(JSON.parse(stdout)))
    const knobs = rows.map(({ params }) => Number(params['ef_search']))
    expect(knobs).toEqual([...new Set(knobs)].sort((a, b) => a - b))
    const recalls = rows.map((row) => row.recall!.mean)
    expect(recalls.length).toBeGreaterThanOrEqual(3)
    // One neighbour of one query may be lost by chance.
    const resolution = 1 / (100 * 10)
    for (const [i, recall] of recalls.slice(1).entries()) {
      expect(recall).toBeGreaterThanOrEqual(recalls[i]! - resolution)
    }
    expect(recalls.at(-1)).toBeGreaterThan(recalls[0]! + 10 * resolution)
  })

  it('builds approximate indexes as often as it is told, and shows how far apart they are', async () => {
    const dataset = ['--dataset', 'synthetic-3000x48-i48-c1', '--queries', '50']
    const args = ['bench', '--seconds', '0.3', '--target', 'local', ...dataset, '--builds', '2']
    const json = join(folder, 'builds.json')
    const paths = 'pgvector-hnsw,addon-exact'
    const { code, stdout } = await runCli([...args, '--paths', paths, '--json', json])
    expect(code).toBe(0)
    const rows = measured(await readResult(json)).filter(({ id }) => id === 'pgvector-hnsw')
    const [first, second] = [1, 2].map((build) => rows.filter(({ params }) => params['build'] === build))
    const settingsOf = (of: typeof rows) => of.map(({ params }) => params['ef_search'])
    expect(settingsOf(first!)).toEqual(settingsOf(second!))
    expect(first!.length).toBeGreaterThan(0)
    for (const [i, row] of first!.entries()) {
      const recalls = [row, second![i]!].map(({ recall }) => recall!.mean).sort((a, b) => a - b)
      expect(row.builds).toMatchObject({ count: 2, recall: recalls })
      expect(row.recall!.covers).toBe('queries of one build')
      expect([row, second![i]!].map(({ indexBuild }) => indexBuild!.build)).toEqual([1, 2])
    }
    expect(stdout).toMatch(/pgvector-hnsw .*ef_search=\d+: recall .* in 2 builds/)
  })

  it('runs as many workers as it is configured for, however small the table is', async () => {
    const paths = ['pgvector-exact', 'extension-exact'] as const
    const { code, stdout } = await runCli([...local, '--cpus', '8', '--paths', paths.join(), '--json', '-'])
    expect(code).toBe(0)
    const rows = measured(resultSchema.parse(JSON.parse(stdout)))
    for (const id of paths) {
      const variants = rows.filter((row) => row.id === id)
      expect(variants.map(({ params }) => params['workers'])).toEqual([0, 7])
      expect(variants.map(({ recall }) => recall?.mean)).toEqual([1, 1])
      expect(variants[0]!.plan!.text).not.toContain('Gather')
      expect(variants[1]!.plan!.text).toMatch(/Workers Planned: 7\b[\s\S]*Parallel Seq Scan/)
      expect(variants.map(({ plan }) => plan!.workersLaunched > 0)).toEqual([false, true])
    }
  })

  it('removes the server on Ctrl-C, even one that is pressed twice', async () => {
    const cli = startCli([...lasting, '--paths', 'null,pgvector-exact'])
    await cli.waitFor('Measuring\n')
    const server = listDescendants(cli.process.pid!)
    const postmaster = findPostmaster(server)
    const [, , dataFolder] = readFileSync(`/proc/${postmaster}/cmdline`, 'utf8').split('\0') // postgres -D FOLDER
    expect(existsSync(dataFolder!)).toBe(true)
    cli.process.kill('SIGINT')
    await cli.waitFor('stopping and cleaning up')
    cli.process.kill('SIGINT')
    const { code, stdout, stderr } = await cli.done
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr).toContain('next: ')
    expect(server.filter(({ pid }) => isAlive(pid))).toEqual([])
    expect(existsSync(dataFolder!)).toBe(false)
  })

  it('removes the server on SIGTERM while it is still being set up', async () => {
    const cli = startCli([...local, '--paths', 'null'])
    const started = await waitForPostgres(cli.process.pid!)
    cli.process.kill('SIGTERM')
    const { code } = await cli.done
    expect(code).toBe(130)
    expect(started.filter(({ pid }) => isAlive(pid))).toEqual([])
  })

  it.each([
    ['while it searches', 'null,pgvector-exact'],
    // Its sessions are idle except for a few round trips.
    ['while this process searches', 'null,addon-exact,addon-batch'],
  ])('ends with code 6 when the server is killed %s', async (_when, paths) => {
    const cli = startCli([...lasting, '--paths', paths])
    await cli.waitFor('Measuring\n')
    const server = listDescendants(cli.process.pid!)
    // An immediate shutdown: what a container that is killed, or a crash of a backend, looks like to a client.
    process.kill(findPostmaster(server), 'SIGQUIT')
    const { code, stdout, stderr } = await cli.done
    expect(stderr).toMatch(/error: The PostgreSQL server went away while .*\n {2}next: /)
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
    expect(server.filter(({ pid }) => isAlive(pid))).toEqual([])
  })
})

function findPostmaster(processes: ReturnType<typeof listDescendants>): number {
  const servers = processes.filter(({ name }) => name === 'postgres')
  const pids = new Set(servers.map(({ pid }) => pid))
  return servers.find(({ parent }) => !pids.has(parent))!.pid
}

async function waitForPostgres(root: number): Promise<ReturnType<typeof listDescendants>> {
  for (;;) {
    const found = listDescendants(root)
    if (found.some(({ name }) => name === 'postgres')) return found
    if (!isAlive(root)) throw new Error('The run ended before it started a server')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
