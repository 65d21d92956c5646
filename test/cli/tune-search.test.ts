import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tuneSchema } from '#src/result/tune-schema.js'
import { runCli } from './run-cli.js'

/** Five deployments, and blocks whose number does not depend on the machine: six minutes on two cores that are busy. */
const longestMs = 1_200_000

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
      ...[
        'tune',
        '--target',
        'local',
        '--memory',
        '512m',
        '--dataset',
        'synthetic-3000x600',
        '--queries',
        '100',
      ],
      ...['--paths', 'pgvector-exact', '--knobs', 'storage', '--budget', '3s', '--seed', '821'],
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
    expect(confirmation!.map(({ name }) => name)).toEqual(['winner', 'defaults'])
    expect(recommendation).toMatchObject({ isChange: true })
    expect(recommendation!.settings).toMatchObject([
      { name: 'storage', present: 'external', recommended: 'plain' },
    ])
    expect(stdout).toContain('storage: external -> plain')
    expect(await readFile(`${out}.sql`, 'utf8')).toContain('SET STORAGE PLAIN')
    expect(await readFile(`${out}.env`, 'utf8')).toMatch(/^# All together, on two fresh deployments: \d/m)
    expect(await readFile(html, 'utf8')).toContain('storage: external -&gt; plain')
  },
  longestMs,
)
