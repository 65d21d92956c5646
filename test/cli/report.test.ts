import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readResult } from '#src/result/result-file.js'
import type { BenchResult } from '#src/result/schema.js'
import { type CliResult, runCli } from './run-cli.js'
import {
  browserNote,
  expectQuiet,
  expectReadableCharts,
  isBrowserMissing,
  launchBrowser,
  openReport,
} from './support/browser.js'
import { countCutTables, listContrasts } from './support/report-page.js'

/** One short run for all tests: an index with several knobs, an exact one, this process, and the way to the server. */
const paths = 'null,pgvector-hnsw,extension-index,addon-exact'
const run = ['bench', '--target', 'local', '--dataset', 'synthetic-3000x48-i48-c1', '--queries', '100']

let folder: string
let bench: CliResult
const file = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-report-'))
  const outputs = ['--json', file('before.json'), '--html', file('bench.html')]
  bench = await runCli([...run, '--paths', paths, '--seconds', '0.4', ...outputs])
  await writeFile(file('after.json'), JSON.stringify(slowDown(await readResult(file('before.json')))))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** As if the same run had found every search of the server forty times as slow. */
function slowDown(result: BenchResult): BenchResult {
  const slow = (ms: number) => 40 * ms
  const paths = result.paths.map((row) => {
    if (row.status !== 'ok' || row.id !== 'pgvector-hnsw') return row
    const { p50, percentilesCi95 } = row.latencyMs
    const [low, high] = percentilesCi95.p50.map(slow) as [number, number]
    const slowed = {
      p50: slow(p50),
      percentilesCi95: { ...percentilesCi95, p50: [low, high] as [number, number] },
    }
    return { ...row, latencyMs: { ...row.latencyMs, ...slowed } }
  })
  return { ...result, paths }
}

describe('bench --html', () => {
  test('writes the page of the result', async () => {
    expect(bench.stderr).not.toContain('error:')
    expect(bench.code).toBe(0)
    const page = await readFile(file('bench.html'), 'utf8')
    const { stdout, code } = await runCli(['report', file('before.json'), '--html', '/dev/stdout'])
    expect(code).toBe(0)
    // Into a descriptor as well, with nothing else in it.
    expect(stdout).toBe(page)
  })
})

describe('report', () => {
  test('shows the table of the run again, and writes it in every form', async () => {
    const forms = ['--markdown', file('a.md'), '--csv', file('a.csv'), '--junit', file('a.xml')]
    const { stdout, stderr, code } = await runCli(['report', file('before.json'), ...forms])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(bench.stdout).toContain(stdout.split('\n').slice(0, 12).join('\n'))
    expect(await readFile(file('a.md'), 'utf8')).toContain('| pgvector-hnsw |')
    expect(await readFile(file('a.csv'), 'utf8')).toMatch(/^result,.*\r\nbefore,/)
    expect(await readFile(file('a.xml'), 'utf8')).toContain('<testsuite name="simdgres bench"')
  })

  test('names what differs, and what no interval says', async () => {
    const { stdout, code } = await runCli(['report', file('before.json'), file('after.json')])
    expect(code).toBe(0)
    expect(stdout).toMatch(/after beside before: of \d+ figures that both have, \d+ differs? significantly/)
    expect(stdout).toMatch(/\npgvector-hnsw .*: p50 .* ms, 40\.00 times \(/)
    expect(stdout).not.toMatch(/\naddon-exact .*times \(/)
    expect(stdout).toContain('a quiet machine drifts by 8 % between runs')
  })

  test.each([
    ['nothing', [], 2, /^error: Expected at least one result/],
    ['a file that is not there', ['none.json'], 2, /^error: .*none\.json/],
    ['the samples', ['before.samples.json'], 4, /^error: .*is no result of .*, but simdgres\.samples\/1/],
    ['a result twice', ['before.json', 'before.json'], 2, /^error: Expected different files for results/],
    [
      'one file twice',
      ['before.json', '--html', 'x', '--csv', './x'],
      2,
      /--html and --csv lead to one place/,
    ],
    ['to overwrite a result', ['before.json', '--html', 'before.json'], 2, /--html and a result lead to one/],
  ] as const)('refuses %s, with the next step', async (_what, args, exit, message) => {
    const before = await readFile(file('before.json'))
    const { code, stdout, stderr } = await runCli(['report', ...args], {}, folder)
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/\n {2}next: .+\n$/)
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(await readFile(file('before.json'))).toEqual(before)
  })
})

describe.skipIf(isBrowserMissing)(`the page in a browser${browserNote}`, () => {
  let browser: Browser
  beforeAll(async () => {
    const both = [file('before.json'), file('after.json')]
    expect((await runCli(['report', ...both, '--html', file('both.html'), '--quiet'])).code).toBe(0)
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  const one = [
    'Recall and speed',
    'Latency, recall from 0.99',
    'Latency, no search',
    'Time to build an index',
    'Size of an index',
    'Where the time of a search goes',
  ]

  test.each([
    [390, 'light'],
    [390, 'dark'],
    [1280, 'light'],
  ] as const)('of one result at %i pixels in %s has every chart with its text', async (width, scheme) => {
    const report = await openReport(browser, file('bench.html'), width, scheme)
    await expectQuiet(report)
    expect(await expectReadableCharts(report)).toEqual(expect.arrayContaining(one))
    const [least] = await report.page.evaluate(listContrasts)
    expect(least).toBeGreaterThanOrEqual(4.5)
    await report.page.close()
  })

  test('of two results has the charts of both, and one of what differs', async () => {
    const report = await openReport(browser, file('both.html'), 390, 'light')
    await expectQuiet(report)
    const titles = await expectReadableCharts(report)
    expect(titles).toContain('Times as long as in before: after')
    for (const name of ['before', 'after']) expect(titles).toContain(`${name}: recall and speed`)
    await report.page.close()
  })

  test('can be printed whole', async () => {
    const { page } = await openReport(browser, file('bench.html'), 1280, 'light')
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    // What scrolls on a screen would be cut off on paper.
    await page.emulateMedia({ media: 'print' })
    await page.setViewportSize({ width: 718, height: 1000 })
    expect(await page.evaluate(countCutTables)).toBe(0)
    await page.close()
  })
})
