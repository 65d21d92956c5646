import { describe, expect, test } from 'vitest'
import { renderTuneHtml } from '#src/report/html/tune.js'
import { renderTuneMarkdown } from '#src/report/markdown/tune.js'
import { renderTune } from '#src/report/text/tune.js'
import type { TunePoint, TuneResult } from '#src/result/tune-schema.js'
import { analyseEffects } from '#src/tune/effects.js'

const point = (buffers: string, workers: string, clients: number, qps?: number): TunePoint => {
  const shared = {
    ...{ path: 'pgvector-exact', design: { storage: 'plain' }, variant: {}, clients },
    server: { shared_buffers: buffers },
    session: { max_parallel_workers_per_gather: workers },
  }
  if (qps === undefined) return { ...shared, status: 'failed', reason: 'shared_buffers <does not> fit.' }
  const ms = 1000 / qps
  return {
    ...{ ...shared, status: 'ok', calls: 300 },
    qps: { value: qps, ci95: [qps * 0.9, qps * 1.1] },
    latencyMs: { p50: ms, p95: 2 * ms, mean: ms, ci95: [ms, ms] },
    recall: { mean: 1, ci95: [0.99, 1] },
  }
}

const points = [1, 4].flatMap((clients) => [
  ...['64MB', '1GB'].flatMap((buffers, i) =>
    ['0', '1'].map((workers, j) => point(buffers, workers, clients, 100 * clients + 10 * i + j)),
  ),
  ...['0', '1'].map((workers) => point('1000GB', workers, clients)),
])

const knob = { unit: 'bytes', why: 'It matters.', source: 'PostgreSQL' }
const result = {
  ...{
    schema: 'simdgres.tune/1',
    mode: 'grid',
    isComplete: true,
    seed: 1,
    durationMs: 60_000,
    recallTarget: 0.95,
  },
  dataset: { name: 'glove-100', rows: 341_000, dims: 100, metric: 'cosine', k: 10 },
  environment: { cpu: 'A <Processor>', cores: 2, target: 'docker', postgres: '17.2' },
  knobs: [
    { ...knob, name: 'shared_buffers', class: 'restart', values: ['64MB', '1GB', '1000GB'] },
    { ...knob, name: 'max_parallel_workers_per_gather', class: 'session', values: ['0', '1'] },
  ],
  points,
  ...analyseEffects(points),
  cost: { deployments: 1, restarts: 3, restartMs: 30_000, measureMs: 30_000, measurements: 8 },
  warnings: ['Mind "this" & <that>.'],
} as unknown as TuneResult

const html = await renderTuneHtml(result)

describe('the HTML report', () => {
  test('is one file without script or request', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|\son\w+=/i)
    expect(html.replaceAll(/<title>.*?<\/title>/g, '')).not.toMatch(/https?:/)
  })

  test('is well formed: every element that is opened is closed, in order', () => {
    const open: string[] = []
    for (const [, end, name, self] of html.matchAll(/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)) {
      if (name === 'meta' || self === '/') continue
      if (end === '') open.push(name!)
      else expect(open.pop()).toBe(name)
    }
    expect(open).toEqual([])
  })

  test('has a map for each load, whose text has every number, and what has failed', () => {
    const charts = [...html.matchAll(/<svg .*?<\/svg>/gs)].map(([svg]) => svg)
    const maps = charts.filter((svg) => svg.includes('aria-label="pgvector-exact'))
    expect(maps).toHaveLength(2)
    // And for each load what the knobs explain, and what their values do.
    expect(charts).toHaveLength(6)
    for (const [svg, clients] of [
      [maps[0]!, 1],
      [maps[1]!, 4],
    ] as const) {
      expect(svg).toContain('role="img"')
      const [, told] = /<desc>(.*?)<\/desc>/s.exec(svg)!
      for (const qps of [0, 1, 10, 11]) expect(told).toContain(`${100 * clients + qps} at`)
      expect(told!.match(/failed/g)).toHaveLength(2)
      expect(svg.match(/>failed<\/text>/g)).toHaveLength(2)
    }
  })

  test('follows the reader in light and dark, and on a telephone', () => {
    expect(html).toContain('prefers-color-scheme: dark')
    expect(html).toContain('width=device-width')
    // Nothing has a width of its own that is more than a telephone's; tables scroll by themselves.
    expect(html).not.toMatch(/<svg[^>]* width=/)
    expect(html.match(/<table>/g)!.length).toBe(html.match(/<div class="wide" tabindex="0">/g)!.length)
  })

  test('shows as text what looks like an element', () => {
    expect(html).toContain('A &lt;Processor&gt;')
    expect(html).toContain('Mind &quot;this&quot; &amp; &lt;that&gt;.')
    expect(html).toContain('shared_buffers &lt;does not&gt; fit.')
  })

  test('agrees with the table of the terminal and of Markdown', () => {
    for (const text of [renderTune(result), renderTuneMarkdown(result), html]) {
      for (const { status, ...rest } of points) {
        if (status === 'ok' && 'qps' in rest) expect(text).toContain(String(rest.qps.value))
      }
      expect(text).toContain('3 restarts in 30.0 s')
    }
  })
})
