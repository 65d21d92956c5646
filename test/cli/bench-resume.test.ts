import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readResult } from '#src/result/result-file.js'
import { runCli, startCli } from './run-cli.js'
import { readJournals, waitForRounds } from './support/journals.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-resume-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A seed of its own: no other test runs the same command. */
const command = (seed: number, json: string) => [
  ...['bench', '--target', 'local', '--dataset', 'synthetic-3000x32', '--queries', '100', '--seconds', '4'],
  ...['--paths', 'null,pgvector-hnsw,addon-exact', '--seed', String(seed), '--json', json],
]

const roundsOfRun = 12
/** null, one setting of HNSW or more, two of the addon. */
const leastRows = 4

describe('a run that is killed', () => {
  it('goes on when it is started again, and neither loads nor measures again what was done', async () => {
    const json = join(folder, 'killed.json')
    const cli = startCli(command(4711, json))
    const before = await waitForRounds(cli, 7)
    cli.process.kill('SIGKILL')
    await cli.done
    const { code, stderr } = await runCli(command(4711, json))
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    expect(stderr).toContain('Going on where a run that was killed had ended.')
    expect(stderr).not.toMatch(/Loading|Building/)
    const result = await readResult(json)
    expect(result).toMatchObject({ isComplete: true, schema: 'simdgres.bench/2' })
    expect(result.warnings).toContainEqual(expect.stringContaining('of two sittings'))
    const samples = JSON.parse(await readFile(json.replace('.json', '.samples.json'), 'utf8'))
    expect(samples.rows.length).toBeGreaterThanOrEqual(leastRows)
    expect(samples.rows).toHaveLength(new Set(before.map(({ lane }) => lane)).size)
    for (const row of samples.rows) {
      expect(row.rounds).toHaveLength(roundsOfRun)
      // The first run's samples are in the result as they were taken.
      const kept = before.filter(({ lane }) => {
        const [id, params] = JSON.parse(lane!.slice(lane!.indexOf(' ') + 1))
        return id === row.id && JSON.stringify(params) === JSON.stringify(row.params)
      })
      expect(kept.length).toBeGreaterThan(5)
      for (const { turn } of kept) {
        const us = turn!.times.map((ms) => expect.closeTo(ms * 1000, 0))
        expect(row.rounds[turn!.round].us).toEqual(us)
      }
    }
    expect(await readJournals(cli.process.pid!)).toEqual([])
  })
})

describe('a run that is stopped with Ctrl-C', () => {
  it('writes what was measured, marked incomplete, and keeps nothing to go on with', async () => {
    const json = join(folder, 'stopped.json')
    const cli = startCli(command(4712, json))
    await waitForRounds(cli, 1)
    cli.process.kill('SIGINT')
    const { code, stdout, stderr } = await cli.done
    expect(code).toBe(130)
    expect(stderr).toContain('error: The run was stopped before its end')
    expect(stdout).toContain('INCOMPLETE')
    const result = await readResult(json)
    expect(result.isComplete).toBe(false)
    const measured = result.paths.filter(({ status }) => status === 'ok')
    expect(measured.length).toBeGreaterThanOrEqual(leastRows)
    expect(await readJournals(cli.process.pid!)).toEqual([])
  })
})
