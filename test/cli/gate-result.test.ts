import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateResultSchema } from '#src/result/gate-schema.js'
import { type BenchResult, resultSchema } from '#src/result/schema.js'
import { runCli } from './run-cli.js'

let folder: string
let file: string
let result: BenchResult
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-gate-result-'))
  file = join(folder, 'before.json')
  const { code } = await runCli([
    ...['bench', '--dataset', 'synthetic-2000x16', '--queries', '50', '--seconds', '0.2'],
    ...['--paths', 'addon-exact', '--json', file],
  ])
  expect(code).toBe(0)
  result = resultSchema.parse(JSON.parse(await readFile(file, 'utf8')))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The result with some of it changed, in a file of its own. */
async function change(name: string, more: object): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, JSON.stringify({ ...result, ...more }))
  return path
}

describe('a result of before as the base of a gate', () => {
  test('informs and never fails, however much slower the head is', async () => {
    const paths = result.paths.map((row) =>
      row.status === 'ok' ? { ...row, latencyMs: { ...row.latencyMs, p50: row.latencyMs.p50 / 1000 } } : row,
    )
    const [json, markdown] = [join(folder, 'gate.json'), join(folder, 'gate.md')]
    const { code, stdout, stderr } = await runCli([
      ...['gate', '--base', `result:${await change('fast.json', { paths })}`],
      ...['--json', json, '--markdown', markdown],
    ])
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^addon-exact threads=1: p50 .* → .* ms, recall 1\.\d+ → 1\.\d+$/m)
    expect(stdout).toMatch(/^NOT JUDGED: a result of before informs, and never fails/m)
    const { verdict, metrics, informs, dataset } = gateResultSchema.parse(
      JSON.parse(await readFile(json, 'utf8')),
    )
    expect({ verdict, metrics }).toEqual({ verdict: 'not judged', metrics: [] })
    // It was measured as the result says.
    expect(dataset).toMatchObject({ name: 'synthetic-2000x16', sha256: result.dataset.sha256 })
    expect(informs).toHaveLength(result.paths.length)
    expect(await readFile(markdown, 'utf8')).toContain('addon-exact threads=1: p50')
  })

  test('is refused as a judge where it is from another machine', async () => {
    const other = await change('other.json', {
      machine: { fingerprint: '0123456789abcdef' },
      environment: { ...result.environment, cpu: 'Another Processor', cores: 96 },
    })
    const { code, stderr } = await runCli(['gate', '--base', `result:${other}`])
    expect(stderr).toContain('is from another machine (Another Processor, 96 cores; this is ')
    expect(stderr).toContain('so it is refused as a judge of this one\n  next: Measure both versions here')
    expect(code).toBe(2)
  })

  test.each([
    [['--dataset', 'glove-100'], '--dataset cannot be given beside a base that is a result'],
    [['--self-test'], '--self-test cannot be given'],
    [['--head', 'image:mine:2'], '--head'],
  ])('refuses %j, which the result decides', async (more, words) => {
    const { code, stderr } = await runCli(['gate', '--base', `result:${file}`, ...more])
    expect(stderr).toContain(words)
    expect(code).toBe(2)
  })

  test('that cannot be read, or is none, says so', async () => {
    const missing = await runCli(['gate', '--base', `result:${join(folder, 'none.json')}`])
    expect(missing.stderr).toMatch(/none\.json cannot be read: .*\n {2}next: Pass --base result:FILE/)
    const wrong = await runCli(['gate', '--base', `result:${await change('wrong.json', { schema: 'x' })}`])
    expect(wrong.stderr).toContain('is not a result of simdgres bench')
    expect([missing.code, wrong.code]).toEqual([2, 4])
  })
})
