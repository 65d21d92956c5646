import { describe, expect, test } from 'vitest'
import { renderCsv } from '#src/report/csv.js'
import { usualDrift } from '#src/report/drift.js'
import { renderBenchJunit } from '#src/report/junit/bench.js'
import { renderMarkdownSideBySide } from '#src/report/markdown/side-by-side.js'
import { compareResults, describePairs, driftNote } from '#src/report/side-by-side.js'
import { renderSideBySide } from '#src/report/text/side-by-side.js'
import type { BenchResult } from '#src/result/schema.js'
import { Random } from '#src/stats/random.js'
import { createResult, createRow } from './sample-result.js'

/** A row whose p50 and recall are known so well: p50 to `margin`, as a share. */
function measure(id: string, p50: number, recall = 1, margin = 0.02) {
  const row = createRow({ id, exact: recall === 1 })
  return {
    ...row,
    latencyMs: {
      ...row.latencyMs,
      p50,
      percentilesCi95: {
        ...row.latencyMs.percentilesCi95,
        p50: [p50 * Math.exp(-margin), p50 * Math.exp(margin)] as [number, number],
      },
    },
    recall: { mean: recall, ci95: [recall - 0.01, Math.min(1, recall + 0.01)] as [number, number] },
  }
}
const resultOf = (paths: BenchResult['paths'], extra: Partial<BenchResult> = {}): BenchResult => ({
  ...createResult(),
  paths,
  ...extra,
})
const compare = (before: BenchResult, now: BenchResult) =>
  compareResults([
    { name: 'a', result: before },
    { name: 'b', result: now },
  ])

describe('two results side by side', () => {
  test('name what is significantly another, with the interval of the ratio', () => {
    const before = resultOf([measure('same', 1), measure('slower', 1), measure('pgvector-hnsw', 1, 0.95)])
    // A machine that is 20 % slower an hour later is nobody's change.
    const now = resultOf([measure('same', 1.2), measure('slower', 1.5), measure('pgvector-hnsw', 1, 0.9)])
    const [pair] = compare(before, now)
    expect(pair!.compared).toBe(4)
    expect(pair!.changes.map(({ row, figure }) => [row, figure])).toEqual([
      ['slower', 'p50'],
      ['pgvector-hnsw', 'recall'],
    ])
    const lines = describePairs([pair!])
    expect(lines).toContain('slower: p50 1.00 → 1.50 ms, 1.50 times (1.20 to 1.88)')
    expect(lines).toContain(
      'pgvector-hnsw: recall 0.9500 → 0.9000, −0.0500 (−0.0641 to −0.0359, over queries of one build)',
    )
    expect(lines.join('\n')).not.toContain('same:')
    // What no interval says is said first.
    expect(lines[0]).toBe(driftNote)
    expect(driftNote).toMatch(/a quiet machine drifts by 8 % between runs.*simdgres gate/)
  })

  test('name nothing in 19 of 20 pairs that do not differ, however many rows they have', () => {
    const random = new Random(7)
    const margin = 0.05
    // Of a margin with 9 degrees of freedom, where a result does not say how many rounds it has.
    const draw = () => Math.exp((margin / 2.262) * random.bell() + usualDrift * random.bell())
    const run = () => resultOf(Array.from({ length: 20 }, (_, i) => measure(`row-${i}`, draw(), 1, margin)))
    const named = Array.from({ length: 100 }, () => compare(run(), run())[0]!.changes.length)
    expect(named.filter((count) => count > 0).length).toBeLessThanOrEqual(100 * 0.05)
  })

  test('of another machine name recalls alone, and of other data nothing; the reason comes first', () => {
    const rows = (p50: number, recall: number) => [measure('pgvector-hnsw', p50, recall)]
    const before = resultOf(rows(1, 0.95))
    const elsewhere = resultOf(rows(2, 0.9), { machine: { fingerprint: 'another' } })
    const [machine] = compare(before, elsewhere)
    expect(machine!.changes.map(({ figure }) => figure)).toEqual(['recall'])
    expect(machine!.obstacles).toEqual([expect.stringMatching(/^a was on another machine \(.*; b .*\)/)])
    const other = resultOf(rows(2, 0.9), { dataset: { ...before.dataset, sha256: 'e'.repeat(64) } })
    const [data] = compare(before, other)
    expect(data).toMatchObject({ compared: 0, changes: [] })
    const named = [
      { name: 'a', result: before },
      { name: 'b', result: other },
    ]
    expect(renderSideBySide(named)).toMatch(/^warning: a searched other data .*run again with the same/)
    expect(renderMarkdownSideBySide(named)).toMatch(/^\*\*a searched other data/)
  })

  test('without a row in common say so', () => {
    const [pair] = compare(resultOf([measure('x', 1)]), resultOf([measure('y', 1)]))
    expect(describePairs([pair!])).toContain('b measured no row of a again.')
  })

  test('stand in one table, with a dash where one has no such row', () => {
    const results = [
      { name: 'a', result: resultOf([measure('x', 1), measure('y', 3)]) },
      { name: 'b', result: resultOf([measure('x', 2)]) },
    ]
    expect(renderMarkdownSideBySide(results)).toContain(
      '| path | settings | a recall | b recall | a p50 ms | b p50 ms | a qps | b qps |',
    )
    expect(renderMarkdownSideBySide(results)).toMatch(/\| y \| +\| 1\.0000 \| - \| 3\.00 \| - \| 800 \| - \|/)
    expect(renderSideBySide(results)).toMatch(/\ny +1\.0000 +- +3\.00 +- +800 +-\n/)
  })
})

describe('every row of a result', () => {
  const results = [{ name: 'a', result: createResult() }]

  test('is a line of the CSV, with numbers as they are', () => {
    const [header, ...lines] = renderCsv(results).trimEnd().split('\r\n')
    expect(lines).toHaveLength(createResult().paths.length)
    const names = header!.split(',')
    const cells = lines.find((line) => line.includes(',sql,'))!.split(',')
    const read = (name: string) => cells[names.indexOf(name)]
    expect([read('result'), read('settings'), read('exact'), read('status')]).toEqual([
      'a',
      'workers=2',
      'true',
      'ok',
    ])
    expect([read('recall'), read('qps'), read('p50_ms'), read('p99_ms')]).toEqual(['1', '0.8123', '1', ''])
    const quoted = renderCsv([{ name: 'say "a", b', result: createResult() }])
    expect(quoted.split('\r\n')[1]).toMatch(/^"say ""a"", b",/)
  })

  test('is a case of the JUnit report: a failure where it failed, or is exact and missed a neighbour', () => {
    const { paths, ...rest } = createResult()
    const broken = { ...measure('addon-levels', 1, 0.99), exact: true }
    const xml = renderBenchJunit([{ name: 'a', result: { ...rest, paths: [...paths, broken] } }])
    expect(xml).toContain('<testsuite name="simdgres bench" tests="8" failures="2" skipped="1"')
    expect(xml).toContain('<testcase classname="simdgres.bench" name="sql workers=2"/>')
    expect(xml).toMatch(/name="addon-levels"><failure message="an exact path has a recall of 0.99"/)
    expect(xml).toMatch(/name="cache"><skipped message="Not part of this version\."/)
  })
})
