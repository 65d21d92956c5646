import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tuneSchema } from '#src/result/tune-schema.js'
import { listDescendants, runCli, startCli } from './run-cli.js'

/** Five deployments, and blocks whose number does not depend on the machine: six minutes on two cores that are busy. */
const longestMs = 1_200_000

const tune = ['tune', '--target', 'local', '--memory', '512m']

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-tune-search-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it(
  'finds storage plain by itself, confirms it on fresh servers, and writes what to do',
  async () => {
    const json = join(folder, 'search.json')
    const html = join(folder, 'search.html')
    const out = join(folder, 'tuned')
    const { code, stdout, stderr } = await runCli([
      ...tune,
      ...['--dataset', 'synthetic-3000x600', '--queries', '100'],
      ...['--paths', 'pgvector-exact', '--knobs', 'storage', '--budget', '12s', '--seed', '821'],
      ...['--json', json, '--html', html, '--out', out],
    ])
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    const result = tuneSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    expect(result).toMatchObject({ mode: 'search', isComplete: true })
    expect(result.stages![0]).toMatchObject({
      stage: 'design',
      challengers: [{ name: 'pgvector-exact storage=plain', fate: 'won' }],
    })
    const { confirmation, recommendation } = result
    const winner = confirmation!.find(({ name }) => name === 'winner')!
    expect(winner).toMatchObject({ design: { storage: 'plain' }, outcome: 'improved', blocks: 32 })
    expect(winner.ci95[0]).toBeGreaterThan(1)
    const finalists = confirmation!.map(({ name }) => name)
    expect([finalists[0], finalists.at(-1)]).toEqual(['winner', 'defaults'])
    // What it had no time for it says; what it had found by then it has confirmed all the same.
    expect(result.warnings).toContainEqual(expect.stringContaining('The time was up '))
    expect(recommendation).toMatchObject({ isChange: true })
    // A fast machine has time for settings of the server, too.
    expect(recommendation!.settings).toContainEqual(
      expect.objectContaining({ name: 'storage', present: 'external', recommended: 'plain' }),
    )
    expect(stdout).toContain('storage: external -> plain')
    expect(await readFile(`${out}.sql`, 'utf8')).toContain('SET STORAGE PLAIN')
    expect(await readFile(`${out}.env`, 'utf8')).toMatch(/^# All together, on two fresh deployments: \d/m)
    expect(await readFile(html, 'utf8')).toContain('storage: external -&gt; plain')
  },
  longestMs,
)

it(
  'goes through restarts and sessions on a real server, and says what is kept where it is stopped',
  async () => {
    const cli = startCli([
      ...tune,
      ...['--dataset', 'synthetic-500x24', '--queries', '50'],
      ...['--paths', 'pgvector-exact', '--knobs', 'jit=on,off', '--budget', '2m'],
      ...['--seed', '823', '--json', join(folder, 'stopped.json')],
    ])
    // That is what comes after both.
    await cli.waitFor('Measuring again on fresh servers: ')
    cli.process.kill('SIGINT')
    const { code, stderr } = await cli.done
    // PostgreSQL's defaults and pgtune's advice.
    expect(stderr).toContain('Stage restart: 2 challengers of ')
    expect(stderr).toMatch(/Stage session, pass 1: [12] challengers? of /)
    expect(stderr).not.toContain('A setting has failed')
    expect(stderr).toContain(
      'error: The run was stopped before it had a result\n' +
        '  next: Give the same command again. Of this run only data sets and their truth are kept.',
    )
    expect(code).toBe(130)
    expect(listDescendants(cli.process.pid!)).toEqual([])
    await expect(readFile(join(folder, 'stopped.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  },
  longestMs,
)
