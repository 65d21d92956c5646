import { describe, expect, test } from 'vitest'
import { renderBenchHtml } from '#src/report/html/bench.js'
import { createResult, createRow } from './sample-result.js'
import { expectWellFormed } from './support/well-formed.js'

const result = createResult()
const html = await renderBenchHtml([
  { name: 'a', result: { ...result, warnings: ['Mind <this> & "that".'] } },
])
const chartsOf = (text: string) =>
  [...text.matchAll(/<svg viewBox[^>]* role="img".*?<\/svg>/gs)].map(([svg]) => svg)
const told = (svg: string) => /<desc>(.*?)<\/desc>/s.exec(svg)![1]!
const find = (text: string, title: string) =>
  chartsOf(text).find((svg) => svg.includes(`aria-label="${title}"`))!

describe('the page of a result', () => {
  test('is one file without script or request, and well formed', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|\son\w+=/i)
    expect(html).not.toMatch(/https?:/)
    expect(html).not.toMatch(/NaN|Infinity|undefined/)
    expectWellFormed(html)
  })

  test('has a point for each row that found something, with its intervals in words', () => {
    const text = told(find(html, 'Recall and speed'))
    expect(text).toContain(
      'pgvector-hnsw m=16 ef_search=10: recall 0.7123 (0.7123 to 1.0000), 800 queries per second (760 to 840)',
    )
    // An exact recall is checked, and has no interval. No other row of this process is as good.
    expect(text).toMatch(/addon-exact threads=1: recall 1\.0000, 800 .*, number \d of the frontiers/)
    expect(text).toMatch(/sql workers=2: recall 1\.0000, 0\.812 /)
    expect(text).not.toContain('null')
  })

  test('draws the percentiles that there are', () => {
    expect(told(find(html, 'Latency, recall from 0.99'))).toContain(
      'addon-exact threads=1: p50 1.00, p95 2.00, p99 3.00 ms',
    )
    expect(told(find(html, 'Latency, recall from 0.99'))).toMatch(/sql workers=2: p50 1\.00 ms$/)
    expect(told(find(html, 'Latency, no search'))).toContain('null: p50 1.00')
  })

  test('names an index once, by what it was built with', () => {
    expect(told(find(html, 'Time to build an index'))).toBe('pgvector-hnsw m=16: 61.4 s')
    expect(told(find(html, 'Size of an index'))).toBe('pgvector-hnsw m=16: 142 MB')
  })

  test('shows what of a median is the way to the server, where null was measured', () => {
    const plan = { nodes: [], workersLaunched: 0, buffers: { hit: 1, read: 0 }, text: '' }
    const fast = createRow({ id: 'null', latencyMs: { ...createRow({ id: 'null' }).latencyMs, p50: 0.25 } })
    const paths = [fast, createRow({ id: 'pgvector-exact', plan }), createRow({ id: 'addon-exact' })]
    return renderBenchHtml([{ name: 'a', result: { ...result, paths } }]).then((page) => {
      const title = 'Share of the median that is the way to the server and back'
      expect(told(find(page, title))).toBe('pgvector-exact: 25 % of 1.00 ms')
    })
  })

  test('shows where the time of a search goes, in parts that it tells', async () => {
    const cost = (executeMs: number) => ({
      ...{ calls: 50, encodeMs: 0.1, planMs: 0.02, decodeMs: 0.08, networkMs: 0.3, executeMs },
      ...{ totalMs: 0.5 + executeMs, source: 'log_duration' as const },
    })
    const paths = [
      createRow({ id: 'pgvector-exact', cost: cost(99.5) }),
      createRow({ id: 'pgvector-hnsw', params: { ef_search: 40 }, cost: cost(1.5) }),
      createRow({ id: 'null', cost: cost(0) }),
    ]
    const page = await renderBenchHtml([{ name: 'a', result: { ...result, paths } }])
    // The scan has nothing beside it that counts.
    expect(told(find(page, 'Where the time of a search goes'))).toBe(
      'null: 0.500 ms, of which client encodes 0.100 ms (20 %), network 0.300 ms (60 %), server plans 0.0200 ms (4 %), ' +
        'server executes 0 ms (0 %), client decodes 0.0800 ms (16 %). pgvector-hnsw ef_search=40: 2.00 ms, of which client encodes ' +
        '0.100 ms (5 %), network 0.300 ms (15 %), server plans 0.0200 ms (1 %), server executes 1.50 ms (75 %), client decodes 0.0800 ms (4 %)',
    )
    expect(find(page, 'Share of the median that is the way to the server and back')).toBeUndefined()
    expectWellFormed(page)
  })

  test('draws latency against the rate at which queries arrive, where there are several', async () => {
    const arrive = (rate: number, p50: number) =>
      createRow({
        id: 'pgvector-hnsw',
        load: { kind: 'open', rate, clients: 8, lag: { p99Ms: 0.1 }, waiting: 0 },
        latencyMs: { ...createRow({ id: 'x' }).latencyMs, p50 },
      })
    const paths = [arrive(1000, 2), arrive(200, 1.5)]
    const page = await renderBenchHtml([{ name: 'a', result: { ...result, paths } }])
    expect(told(find(page, 'Latency under load'))).toContain(
      'pgvector-hnsw: p50 1.50 and p99 3.00 ms at 200/s; p50 2.00 and p99 3.00 ms at 1000/s',
    )
    expect(find(html, 'Latency under load')).toBeUndefined()
  })

  test('has warnings as text, with a link from the top, and rows that did not run', () => {
    expect(html).toContain('<a href="#warnings">Warnings: 1</a>')
    expect(html).toContain('<section id="warnings">')
    expect(html).toContain('Mind &lt;this&gt; &amp; &quot;that&quot;.')
    expect(html).toContain('pgvector-ivfflat lists=300 failed: The server ran short.')
  })

  test('of nothing measured has no chart, and says why', async () => {
    const paths = result.paths.filter(({ status }) => status !== 'ok')
    const empty = await renderBenchHtml([{ name: 'a', result: { ...result, paths, comparisons: [] } }])
    expect(chartsOf(empty)).toEqual([])
    expect(empty).toContain('cache unavailable: Not part of this version.')
  })
})

describe('the page of two results', () => {
  test('has charts of both, and the obstacles at the top', async () => {
    const other = { ...result, machine: { fingerprint: 'another' } }
    const page = await renderBenchHtml([
      { name: 'before', result },
      { name: 'after', result: other },
    ])
    expect(page.indexOf('before was on another machine')).toBeLessThan(page.indexOf('<h2>'))
    for (const name of ['before', 'after']) {
      expect(find(page, `${name}: recall and speed`)).toBeDefined()
      expect(find(page, `${name}: latency, recall from 0.99`)).toBeDefined()
    }
    expect(page).toMatch(/fingerprint of the machine<\/td>.*≠<\/td>/)
  })
})
