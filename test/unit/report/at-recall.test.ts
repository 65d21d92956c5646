import { describe, expect, test } from 'vitest'
import { type Curve, findAtRecall, groupCurves, sortCurves } from '#src/report/at-recall.js'
import { renderBenchHtml } from '#src/report/html/bench.js'
import { renderMarkdown } from '#src/report/markdown/markdown.js'
import { renderTerminal } from '#src/report/text/terminal.js'
import type { Measurement } from '#src/result/schema.js'
import { createResult, createRow } from './sample-result.js'

/** A row whose p50 (ms) is known to a tenth, and whose recall is known to `known`. */
const row = (
  id: string,
  params: Measurement['params'],
  recall: number,
  p50: number,
  { known = 0, ...extra }: Partial<Measurement> & { known?: number } = {},
) =>
  createRow({
    id,
    params,
    recall: { mean: recall, ci95: [recall - known, recall + known] },
    latencyMs: {
      ...{ p50, mean: p50, ci95: [p50, p50], averagedOver: 1 },
      percentilesCi95: { p50: [p50 * 0.9, p50 * 1.1] },
    },
    qps: { value: 1000 / p50, ci95: [900 / p50, 1100 / p50] },
    ...extra,
  })
const curve = (rows: Measurement[]): Curve => ({ name: 'hnsw', rows })
const resultOf = (paths: Measurement[]) => ({ ...createResult(), paths })

describe('speed at a recall', () => {
  const rows = [
    row('hnsw', { ef_search: 10 }, 0.8, 1),
    row('hnsw', { ef_search: 20 }, 0.9, 2),
    row('hnsw', { ef_search: 40 }, 0.98, 8),
  ]

  test('is that of the setting that has it', () => {
    expect(findAtRecall(curve(rows), 0.9)?.p50.value).toBeCloseTo(2, 9)
  })

  test('lies between the two settings around it, half-way by the logarithm of the time', () => {
    const at = findAtRecall(curve(rows), 0.94)
    expect(at?.kind).toBe('between')
    expect(at?.p50.value).toBeCloseTo(4, 9)
    expect(at?.p50.ci95[0]).toBeCloseTo(3.6, 9)
    expect(at?.p50.ci95[1]).toBeCloseTo(4.4, 9)
    expect(at?.qps.value).toBeCloseTo(250, 9)
  })

  test('is known less where the recalls are, and never leaves what was measured', () => {
    const unsure = rows.map((entry) => ({
      ...entry,
      recall: { ...entry.recall!, ci95: [0, 1] as [number, number] },
    }))
    const known = rows.map(({ recall, ...entry }) => ({
      ...entry,
      recall: { ...recall!, ci95: [recall!.mean - 0.02, recall!.mean + 0.02] as [number, number] },
    }))
    const [low, high] = findAtRecall(curve(known), 0.94)!.p50.ci95
    expect(low).toBeLessThan(3.6)
    expect(high).toBeGreaterThan(4.4)
    const [least, most] = findAtRecall(curve(unsure), 0.94)!.p50.ci95
    expect(least).toBeGreaterThanOrEqual(1.8)
    expect(most).toBeLessThanOrEqual(8.8)
  })

  test('is that of the settings that somebody would choose', () => {
    const noisy = [
      row('hnsw', { ef_search: 10 }, 0.94, 9),
      row('hnsw', { ef_search: 12 }, 0.955, 10),
      row('hnsw', { ef_search: 14 }, 0.96, 4),
    ]
    expect(findAtRecall(curve(noisy), 0.95)).toMatchObject({ kind: 'atMost', p50: { value: 4 } })
  })

  test('is not extrapolated: below all settings it is at most that of the fastest, above them it is nothing', () => {
    expect(findAtRecall(curve(rows), 0.5)).toMatchObject({ kind: 'atMost', p50: { value: 1 } })
    expect(findAtRecall(curve(rows), 0.99)).toBeUndefined()
  })
})

describe('curves', () => {
  test('are rows that differ in nothing but the knob of their search', () => {
    const [group, ...others] = groupCurves(
      resultOf([
        row('pgvector-hnsw', { m: 16, ef_search: 10 }, 0.8, 1),
        row('pgvector-hnsw', { m: 32, ef_search: 10 }, 0.9, 2),
        row('pgvector-hnsw', { m: 16, ef_search: 20 }, 0.9, 2),
        row('pgvector-ivfflat', { lists: 50, probes: 1 }, 0.5, 1),
        row('pgvector-ivfflat', { lists: 50, probes: 9 }, 0.97, 9),
        row('extension-index', {}, 1, 1, { exact: true }),
      ]),
    )
    expect(others).toEqual([])
    expect(group!.curves.map(({ name, rows }) => [name, rows.length])).toEqual([
      ['pgvector-hnsw m=16', 2],
      ['pgvector-hnsw m=32', 1],
      ['pgvector-ivfflat', 2],
      ['extension-index', 1],
    ])
    expect(sortCurves(group!.curves).map(({ name }) => name)).toEqual([
      'extension-index',
      'pgvector-ivfflat',
      'pgvector-hnsw m=16',
      'pgvector-hnsw m=32',
    ])
  })

  test('are apart for filters and loads, and nothing where all is exact', () => {
    const approximate = (extra: Partial<Measurement>, params = {}) =>
      row('pgvector-hnsw', { ef_search: 10, ...params }, 0.9, 1, extra)
    const names = groupCurves(
      resultOf([
        approximate({}),
        approximate({ load: { kind: 'closed', clients: 8 } }),
        approximate({}, { filter: '1%' }),
        row('addon-exact', { filter: '10%' }, 1, 1, { exact: true }),
      ]),
    ).map(({ name }) => name)
    expect(names).toEqual(['', 'with 8 clients', 'filter 1%'])
  })
})

describe('the table at equal recall', () => {
  const result = resultOf([
    row('pgvector-hnsw', { ef_search: 10 }, 0.92, 1),
    row('pgvector-hnsw', { ef_search: 40 }, 0.98, 4),
    row('pgvector-ivfflat', { probes: 50 }, 1, 20),
    row('extension-index', {}, 1, 0.5, { exact: true }),
  ])

  test('stands in every report', async () => {
    const terminal = renderTerminal(result, { width: Number.POSITIVE_INFINITY, color: false })
    expect(terminal).toContain('p50 in ms at equal recall\n')
    const lines = terminal.split('\n').map((line) => line.trim().split(/ {2,}/))
    expect(lines).toContainEqual(['path', 'at 0.9', 'at 0.95', 'at 0.99', 'exact'])
    expect(lines).toContainEqual(['pgvector-hnsw', '≤ 1.00', '2.00 (1.80 to 2.20)', '-', '-'])
    expect(lines).toContainEqual([
      'extension-index',
      '≤ 0.500',
      '≤ 0.500',
      '≤ 0.500',
      '0.500 (0.450 to 0.550)',
    ])
    // What finds all by luck is not exact.
    expect(lines).toContainEqual(['pgvector-ivfflat', '≤ 20.0', '≤ 20.0', '≤ 20.0', '-'])

    const markdown = renderMarkdown(result)
    expect(markdown).toContain('| pgvector-hnsw | ≤ 1.00 | 2.00 (1.80 to 2.20) | - | - |')
    expect(markdown).toContain('| pgvector-hnsw | ≥ 1,000 | 500 (450 to 550) | - | - |')

    const html = await renderBenchHtml([{ name: 'a', result }])
    expect(html).toContain('<h2>At equal recall</h2>')
    expect(html).toContain('<td>2.00 (1.80 to 2.20)</td>')
  })

  test('is left out where nothing is approximate', () => {
    const exact = resultOf([row('extension-index', {}, 1, 0.5, { exact: true })])
    expect(renderTerminal(exact, { width: 80, color: false })).not.toContain('equal recall')
  })
})
