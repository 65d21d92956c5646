import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findEngineProblem } from '#src/engine/engine.js'
import { gateResultSchema } from '#src/result/gate-schema.js'
import { median, sortSamples } from '#src/stats/samples.js'
import { listDescendants, runCli, startCli } from './run-cli.js'
import { commitLibrary, slowLibrary } from './support/commits.js'
import { type Entry, readJournals, waitForEntries, waitForRounds } from './support/journals.js'
import { listContainers, listVolumes } from './support/leftovers.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-gate-resume-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A seed of its own: no other test gives the same command. Each row has 16 blocks, so there are few rows. */
const command = (seed: number, json: string, ...more: readonly string[]) => [
  ...['gate', '--dataset', 'synthetic-3000x32', '--queries', '100', '--budget', '4s'],
  ...['--threads', '1'],
  ...['--seed', String(seed), '--json', json, ...more],
]

/** The effect of a block, from the turns of its two arms: docs/gate.md says how. */
function effectOf(turns: readonly Entry[], row: string, round: number): number {
  const fastest = (arm: string) => {
    const [first, second] = turns
      .filter(({ lane, turn }) => lane === `${arm} ${row}` && turn!.round === round)
      .map(({ turn }) => turn!.times)
    return first!.map((ms, i) => Math.min(ms, second![i]!))
  }
  const base = fastest('base')
  return median(sortSamples(fastest('head').map((ms, i) => Math.log(ms / base[i]!))))
}

describe('a gate run that is killed', () => {
  test('in its blocks goes on when it is started again, and neither loads nor measures again what was done', async () => {
    const json = join(folder, 'blocks.json')
    const args = command(4721, json, '--a-a', '--base', 'work-tree', '--paths', 'pgvector-exact,addon-exact')
    const cli = startCli(args)
    const before = await waitForRounds(cli, 7)
    cli.process.kill('SIGKILL')
    await cli.done
    const { code, stderr } = await runCli(args)
    expect(stderr).not.toContain('error:')
    expect([0, 10, 11]).toContain(code)
    expect(stderr).toContain('Going on where a run that was killed had ended.')
    // A second stage is on fresh servers, which are loaded; the first one was.
    expect(stderr.split('measuring again on fresh servers')[0]).not.toMatch(/Loading|Building/)
    const result = gateResultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    expect(result.warnings).toContainEqual(expect.stringContaining('of two sittings'))
    const rows = [...new Set(before.map(({ lane }) => lane!.slice(lane!.indexOf(' ') + 1)))]
    expect(rows).toHaveLength(result.metrics.length)
    for (const row of rows) {
      const [id, params] = JSON.parse(row) as [string, Record<string, unknown>]
      const subject = [id, ...Object.entries(params).map(([name, value]) => `${name}=${value}`)].join(' ')
      const [effects] = result.metrics.find((metric) => metric.subject === subject)!.evidence
      // The first run's blocks are in the result as they were measured.
      for (let round = 0; round < 6; round++) {
        expect((effects as number[])[round]).toBeCloseTo(effectOf(before, row, round), 6)
      }
    }
    expect(await readJournals(cli.process.pid!)).toEqual([])
  })

  test('in its second stage has its first', async () => {
    const json = join(folder, 'stages.json')
    const base = `git:${await commitLibrary(slowLibrary)}`
    const args = command(4722, json, '--base', base, '--paths', 'addon-exact')
    const cli = startCli(args)
    const isSecond = (entries: readonly Entry[]) =>
      entries.some(({ stage }) => stage === 0) &&
      entries.some(
        ({ journal, turn }) => journal.endsWith('-1.ndjson') && turn !== undefined && turn.round > 1,
      )
    const before = await waitForEntries(cli, isSecond)
    cli.process.kill('SIGKILL')
    await cli.done
    const { code, stderr } = await runCli(args)
    expect(stderr).toContain('measuring again on fresh servers')
    expect(stderr).toContain('Going on where a run that was killed had ended.')
    expect(stderr).not.toContain('error:')
    expect([0, 11]).toContain(code)
    const { outcome } = before.find(({ stage }) => stage === 0)!
    const { metrics } = gateResultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    expect(metrics.map(({ subject, evidence }) => ({ subject, time: evidence[0] }))).toEqual(
      outcome!.rows.map(({ subject, time }) => ({ subject, time })),
    )
    expect(await readJournals(cli.process.pid!)).toEqual([])
  })
})

describe('a gate run that is stopped with Ctrl-C', () => {
  test('leaves no server, container, volume or folder, and nothing to go on with', async () => {
    const hasEngine = (await findEngineProblem()) === undefined
    const cli = startCli(
      command(
        4723,
        join(folder, 'none.json'),
        '--a-a',
        '--base',
        'work-tree',
        '--paths',
        'pgvector-exact,addon-exact',
      ),
    )
    await waitForRounds(cli, 1)
    const pid = cli.process.pid!
    const servers = hasEngine ? await listContainers(pid) : listDescendants(pid)
    expect(servers.length).toBeGreaterThanOrEqual(2)
    cli.process.kill('SIGINT')
    const { code, stderr } = await cli.done
    expect(stderr).toContain('SIGINT: stopping and cleaning up.')
    expect(stderr).toContain(
      'error: The comparison was stopped before its end\n' +
        '  next: Give the same command again. Of this run only data sets, their truth and commits that were built are kept.',
    )
    expect(code).toBe(130)
    expect(
      hasEngine ? [...(await listContainers(pid)), ...(await listVolumes(pid))] : listDescendants(pid),
    ).toEqual([])
    expect(await readJournals(pid)).toEqual([])
    await expect(readFile(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
