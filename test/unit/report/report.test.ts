import { describe, expect, it } from 'vitest'
import { renderMarkdown } from '#src/report/markdown/markdown.js'
import { renderTerminal } from '#src/report/text/terminal.js'
import { formatBytes, formatDuration, formatMargin, formatNumber, formatRecall } from '#src/result/numbers.js'
import { createResult, createRow } from './sample-result.js'

const plain = { width: Number.POSITIVE_INFINITY, color: false }

describe('the report on a terminal', () => {
  it('is a table with recall beside every speed, the fastest of the most accurate first', () => {
    expect(renderTerminal(createResult(), plain)).toMatchInlineSnapshot(`
      "glove-100: 340,479 x 100, cosine, k = 10, 1,000 queries held out
      Example CPU, 2 cores, 16.0 GB, avx2, read bandwidth of one thread 20.0 GB/s
      PostgreSQL 17.5, pgvector 0.8.0, simdgres 0.1.0 (avx2); target docker, used 1.20 GB at most and 10 min 40 s of CPU
      profile default, 12 min 34 s; one client that waits for each answer

      path           settings       recall  p50 ms  p95 ms  p99 ms     qps  ±95 %  best   GB/s  load rows/s   build   index  queries
      pgvector-hnsw  ef_search=160  0.9999    1.00    2.00    3.00     800  5.0 %  *         -      171,000  61.4 s  142 MB    5,000
      addon-exact    threads=1      1.0000    1.00    2.00    3.00     800  5.0 %  *      18.4            -       -       -    5,000
      sql            workers=2      1.0000    1.00       -       -   0.812   12 %  *     0.110      171,000       -       -       12

      pgvector-hnsw  ef_search=10   0.7123    1.00    2.00    3.00     800  5.0 %            -      171,000  61.4 s  142 MB    5,000

      null                               -    1.00    2.00    3.00  11,200  1.8 %            -            -       -       -    5,000

      p50 in ms at equal recall
      path                   at 0.9  at 0.95  at 0.99                 exact
      sql workers=2          ≤ 1.00   ≤ 1.00   ≤ 1.00  1.00 (0.900 to 1.10)
      pgvector-hnsw          ≤ 1.00   ≤ 1.00   ≤ 1.00                     -
      addon-exact threads=1  ≤ 1.00   ≤ 1.00   ≤ 1.00  1.00 (0.900 to 1.10)
      Interpolated between the two measured settings around the recall of the column, with 95 % intervals. With ≤ or ≥, every setting measured finds more; where none finds as much, there is a dash.

      * no other row of its place (server or this process) is both as accurate and faster, one question at a time
      pgvector-hnsw: m=16 in all rows
      extension-exact is 1.31 times as fast as pgvector-exact (workers=0), 95 % interval 1.29 to 1.33
      addon-exact (threads=1) reads 18.4 GB/s: 0.92 x the read bandwidth of one thread (20.0 GB/s)
      cache unavailable: Not part of this version.
      pgvector-ivfflat lists=300 failed: The server ran short. Raise maintenance_work_mem.

      warning: The machine was not quiet.
      "
    `)
  })

  it('drops columns, never recall or speed, until it fits', () => {
    for (const width of [60, 80, 100, 120]) {
      const [header] = renderTerminal(createResult(), { width, color: false }).split('\n').slice(5)
      expect(header!.length).toBeLessThanOrEqual(width)
      expect(header).toMatch(/path .* recall +p50 ms .*qps/)
    }
  })

  it('has no escape sequence unless colours are wanted', () => {
    expect(renderTerminal(createResult(), plain)).not.toContain('\x1b')
    expect(renderTerminal(createResult(), { width: 120, color: true })).toContain('\x1b[1mpath')
  })

  it('labels synthetic data in the first line', () => {
    const result = createResult()
    const synthetic = { ...result, dataset: { ...result.dataset, synthetic: true } }
    expect(renderTerminal(synthetic, plain).split('\n')[0]).toContain('SYNTHETIC')
  })

  it('marks a run that was stopped', () => {
    const stopped = { ...createResult(), isComplete: false }
    expect(renderTerminal(stopped, plain).split('\n')[4]).toMatch(/^INCOMPLETE/)
    expect(renderTerminal(createResult(), plain)).not.toContain('INCOMPLETE')
  })

  it('says that the percentiles of batches are ones of averages', () => {
    const latencyMs = { ...createRow({ id: 'addon-batch' }).latencyMs, averagedOver: 100 }
    const result = { ...createResult(), paths: [createRow({ id: 'addon-batch', latencyMs })] }
    expect(renderTerminal(result, plain)).toMatch(
      /answers 100 queries .* percentiles are those of such averages/,
    )
  })

  it('shows no percentile that too few queries cannot have', () => {
    const line = renderTerminal(createResult(), plain)
      .split('\n')
      .find((text) => text.startsWith('sql'))
    expect(line).toMatch(/^sql +workers=2 +1\.0000 +1\.00 +- +- +0\.812/)
  })
})

describe('searches under filters', () => {
  const row = (filter: string, qps: number, extra = {}) =>
    createRow({
      id: 'pgvector-hnsw',
      params: { filter, ef_search: 40 },
      recall: { mean: 0.5, ci95: [0.4, 0.6] },
      qps: { value: qps, ci95: [qps, qps] },
      ...extra,
    })
  const request = { ...createResult().request!, filters: [10, 1] }
  const paths = [row('1%', 900, { returned: 3.98 }), row('10%', 500), row('10%', 600)]
  const result = { ...createResult(), request, paths }

  it('stand together by their filter, with the rows that came back', () => {
    const lines = renderTerminal(result, plain).split('\n')
    expect(lines[1]).toMatch(/^filters: .* 10% \(34,048\), 1% \(3,405\) pass/)
    expect(lines[6]).toMatch(/^path +settings +recall +rows +p50 ms/)
    const rows = lines.slice(7, 11).filter((line) => line !== '')
    expect(rows.map((line) => line.split(/ {2,}/).slice(1, 4))).toEqual([
      ['filter=10%', '0.5000', '10.0 of 10'],
      ['filter=10%', '0.5000', '10.0 of 10'],
      ['filter=1%', '0.5000', '3.90 of 10'],
    ])
    expect(lines[7]).toContain('600')
    expect(renderMarkdown(result)).toMatch(/\| filter=1% \| +0\.5000 \| +3\.90 of 10 \|/)
  })

  it('have no such column where all rows came back', () => {
    expect(renderTerminal({ ...result, paths: paths.slice(1) }, plain)).not.toMatch(/recall +rows/)
  })
})

describe('the report in Markdown', () => {
  it('has a row per measurement and as many cells in each', () => {
    const blocks = renderMarkdown(createResult()).split(/\n(?!\|)/)
    const tables = blocks.map((block) => block.split('\n').filter((line) => line.startsWith('|')))
    const [table, ...atRecall] = tables.filter(({ length }) => length > 0)
    expect(table).toHaveLength(2 + 5)
    expect(atRecall.map(({ length }) => length)).toEqual([2 + 3, 2 + 3])
    for (const lines of [table!, ...atRecall]) {
      expect(new Set(lines.map((line) => line.split('|').length)).size).toBe(1)
    }
  })

  it('escapes what would break the table', () => {
    const result = { ...createResult(), paths: [createRow({ id: 'sql', params: { note: 'a|b_c\nd' } })] }
    expect(renderMarkdown(result)).toContain('| note=a\\|b\\_c d |')
  })
})

describe('numbers', () => {
  it('have three significant digits', () => {
    const shown = [0.05234, 5.2345, 52.345, 999.9, 1234.5, 11_234, 0, Number.NaN].map(formatNumber)
    expect(shown).toEqual(['0.0523', '5.23', '52.3', '1,000', '1,230', '11,200', '0', '-'])
  })

  it('never round a recall up to 1', () => {
    expect([1, 0.99999, 0.7, 0].map(formatRecall)).toEqual(['1.0000', '0.9999', '0.7000', '0.0000'])
  })

  it('have units', () => {
    expect([0, 999, 1500, 142_000_000].map(formatBytes)).toEqual(['0 B', '999 B', '1.50 kB', '142 MB'])
    expect([12.3, 61_400, 119_800, 754_000].map(formatDuration)).toEqual([
      '12.3 ms',
      '61.4 s',
      '2 min 0 s',
      '12 min 34 s',
    ])
    expect(formatMargin(800, [760, 840])).toBe('5.0 %')
  })
})
