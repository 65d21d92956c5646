import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TunePoint, type TuneResult, tuneSchema } from '#src/result/tune-schema.js'
import { cacheFolder } from '#src/system/cache-folder.js'
import { listDescendants, type RunningCli, runCli, startCli } from './run-cli.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-tune-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A seed of its own for each test: no other runs the same command. */
const command = (seed: number, grid: string, ...more: string[]) => [
  ...['tune', '--target', 'local', '--memory', '512m', '--dataset', 'synthetic-2000x24', '--queries', '100'],
  ...['--seconds', '0.3', '--rounds', '3', '--seed', String(seed), '--grid', grid, ...more],
]

async function readTuning(path: string): Promise<TuneResult> {
  return tuneSchema.parse(JSON.parse(await readFile(path, 'utf8')))
}

const isOk = ({ status }: TunePoint) => status === 'ok'

describe('a grid', () => {
  it('measures every combination, and has what does not work as a result with its reason', async () => {
    const json = join(folder, 'grid.json')
    const markdown = join(folder, 'grid.md')
    const { code, stdout, stderr } = await runCli(
      command(
        811,
        'shared_buffers=32MB,100GB,huge_pages=off,on,max_parallel_workers_per_gather=0,1',
        ...[
          '--paths',
          'pgvector-exact,pgvector-hnsw',
          '--clients',
          '1,2',
          '--json',
          json,
          '--markdown',
          markdown,
        ],
      ),
    )
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    const result = await readTuning(json)
    expect(result).toMatchObject({ mode: 'grid', isComplete: true, dataset: { rows: 2000 } })
    const { points, cost } = result
    expect(points).toHaveLength(2 * 2 * 2 * 2 * 2)
    // What the server refuses it says itself; the other settings go on in the same data.
    const bad = (point: TunePoint) =>
      point.server['shared_buffers'] === '100GB' || point.server['huge_pages'] === 'on'
    for (const point of points) expect(isOk(point), JSON.stringify(point)).toBe(!bad(point))
    const reasons = points.flatMap((point) => (point.status === 'failed' ? [point.reason] : []))
    expect(reasons).toContainEqual(expect.stringMatching(/shared_buffers.*does not fit/s))
    expect(reasons).toContainEqual(expect.stringMatching(/huge_pages=on/))
    expect(cost).toMatchObject({ deployments: 1, measurements: 8 })
    expect(stderr.match(/Loading simdgres_bench.vectors_plain/g)).toHaveLength(1)
    // One kind of figure in all reports.
    const [first] = points.filter((point) => point.status === 'ok')
    expect(first!.recall!.ci95[0]).toBeGreaterThan(0.9)
    expect(stdout).toContain('max_parallel_workers_per_gather')
    expect(stdout).toContain('failed: ')
    expect((await readFile(markdown, 'utf8')).match(/^\| pgvector-exact/gm)!.length).toBeGreaterThanOrEqual(
      16,
    )
  })

  it('leaves the planner to itself: a table that is large enough has the workers that the point allows', async () => {
    const json = join(folder, 'workers.json')
    const grid = 'min_parallel_table_scan_size=0kB,1GB,max_parallel_workers_per_gather=0,1'
    // With PostgreSQL's cost of starting workers, the planner does not think them worth a distance's few instructions.
    const free = ['--set', 'parallel_setup_cost=0']
    const run = command(812, grid, ...free, '--paths', 'pgvector-exact', '--clients', '1', '--json', json)
    run[run.indexOf('synthetic-2000x24')] = 'synthetic-60000x64'
    expect((await runCli(run)).code).toBe(0)
    const { points } = await readTuning(json)
    const workers = points.map((point) => [
      point.session['min_parallel_table_scan_size'],
      point.session['max_parallel_workers_per_gather'],
      point.status === 'ok' ? point.plan!.workersLaunched : point.reason,
    ])
    expect(workers).toEqual(
      expect.arrayContaining([
        ['0kB', '0', 0],
        ['0kB', '1', 1],
        ['1GB', '0', 0],
        ['1GB', '1', 0],
      ]),
    )
  })

  it('that is killed goes on when it is started again, without restarts for what was measured', async () => {
    const json = join(folder, 'killed.json')
    const run = command(813, 'shared_buffers=16MB,32MB,64MB', '--paths', 'pgvector-exact', '--json', json)
    const cli = startCli(run)
    await cli.waitFor('Server 2 of 3')
    await waitForTurns(cli, 4)
    cli.process.kill('SIGKILL')
    await cli.done
    const { code, stderr } = await runCli(run)
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    expect(stderr).toContain('Going on where a run that was killed had ended.')
    expect(stderr).not.toContain('Loading')
    const { points, cost, warnings } = await readTuning(json)
    expect(points).toHaveLength(6)
    expect(points.every(isOk)).toBe(true)
    expect(cost.restarts).toBe(2)
    expect(warnings).toContainEqual(expect.stringContaining('two sittings'))
  })

  it('that is stopped with Ctrl-C writes what it has, and leaves no server', async () => {
    const json = join(folder, 'stopped.json')
    const cli = startCli(
      command(814, 'shared_buffers=16MB,32MB,64MB', '--paths', 'pgvector-exact', '--json', json),
    )
    await cli.waitFor('Server 2 of 3')
    const servers = listDescendants(cli.process.pid!).filter(({ name }) => name === 'postgres')
    expect(servers.length).toBeGreaterThan(0)
    cli.process.kill('SIGINT')
    const { code, stderr } = await cli.done
    expect(code).toBe(130)
    expect(stderr).toContain('error: The run was stopped before its end')
    const { isComplete, points } = await readTuning(json)
    expect(isComplete).toBe(false)
    expect(points.filter(isOk).length).toBeGreaterThanOrEqual(2)
    expect(listDescendants(cli.process.pid!)).toEqual([])
  })

  it('with --dry-run says what it would do and how long, and does nothing', async () => {
    const before = await listCache()
    const { code, stdout } = await runCli(
      command(815, 'shared_buffers=16MB,32MB,max_parallel_workers_per_gather=0,1', '--dry-run'),
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/points {4}24, with 2 settings that need a restart/)
    expect(stdout).toMatch(/time {6}about \d+/)
    expect(await listCache()).toEqual(before)
  })

  it.each([
    [['--grid', 'shared_bufers=1GB'], /a knob/],
    [['--grid', 'jit', '--clients', '0'], /--clients/],
    [['--grid', 'jit', '--paths', 'addon-exact'], /--paths/],
    [['--grid', 'jit', '--target', 'url'], /--target/],
    [['--grid', 'jit', '--recall', '2'], /--recall/],
    [['here'], /options only/],
  ])('%j ends with 2 and names what is wrong', async (args, message) => {
    const { code, stderr } = await runCli(['tune', ...args])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})

const listCache = () => readdir(cacheFolder('journals'))

/** Once the journal that `cli` writes has so many turns. */
async function waitForTurns(cli: RunningCli, turns: number): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    const journals = cacheFolder('journals')
    for (const name of await readdir(journals)) {
      const text = await readFile(join(journals, name), 'utf8').catch(() => '')
      if (text.includes(`"pid":${cli.process.pid!},`) && text.split('"turn"').length > turns) return
    }
    expect(cli.process.exitCode).toBeNull()
    await sleep(20)
  }
  throw new Error(`The run did not take ${turns} turns`)
}
