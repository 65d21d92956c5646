import { describe, expect, test } from 'vitest'
import { renderTuneHtml } from '#src/report/html/tune.js'
import { renderTuneMarkdown } from '#src/report/markdown/tune.js'
import { renderTune } from '#src/report/text/tune.js'
import { grid as result } from './support/sample-tuning.js'
import { expectWellFormed } from './support/well-formed.js'

const html = await renderTuneHtml(result)

describe('the HTML report', () => {
  test('is one file without script or request', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|\son\w+=/i)
    expect(html.replaceAll(/<title>.*?<\/title>/g, '')).not.toMatch(/https?:/)
  })

  test('is well formed: every element that is opened is closed, in order', () => {
    expectWellFormed(html)
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
      for (const { status, ...rest } of result.points) {
        if (status === 'ok' && 'qps' in rest) expect(text).toContain(String(rest.qps.value))
      }
      expect(text).toContain('3 restarts in 30.0 s')
    }
  })
})
