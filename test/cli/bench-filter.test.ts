import { expect, it } from 'vitest'
import { resultSchema } from '#src/result/schema.js'
import { runCli } from './run-cli.js'

it('bench searches under a filter, and shows where an index returns too few rows', async () => {
  const { code, stdout, stderr } = await runCli([
    ...['bench', '--target', 'local', '--dataset', 'synthetic-4000x8', '--queries', '30'],
    // 16 rows pass, of which a walk past 1,000 of all 4,000 meets four.
    ...['--seconds', '0.05', '--filter', '0.4', '--json', '-'],
    ...['--paths', 'null,extension-index,pgvector-hnsw,addon-exact'],
  ])
  // A path that was asked for has no filter.
  expect(code).toBe(7)
  const { paths, request, warnings } = resultSchema.parse(JSON.parse(stdout))
  expect(request!.filters).toEqual([0.4])
  expect(paths.find(({ id }) => id === 'addon-exact')).toMatchObject({
    status: 'unavailable',
    reason: expect.stringContaining('has no filter; search by extension-exact'),
  })
  expect(paths.find(({ id }) => id === 'null')?.params).toEqual({})
  const rows = paths.flatMap((row) => (row.status === 'ok' && row.id !== 'null' ? [row] : []))
  for (const { params, plan } of rows) {
    expect(params['filter']).toBe('0.4%')
    expect(plan!.text).toMatch(/Filter: \(place < 16\)/)
  }
  const [exact] = rows.filter(({ id }) => id === 'extension-index')
  expect(exact).toMatchObject({ recall: { mean: 1 } })
  expect(exact).not.toHaveProperty('returned')
  const find = (mode: string) => rows.filter(({ params }) => params['iterative_scan'] === mode)
  const [off, ...none] = find('off')
  expect(none).toEqual([])
  expect(off).toMatchObject({
    params: { ef_search: 1000 },
    settings: { 'hnsw.iterative_scan': 'off', 'hnsw.ef_search': '1000' },
  })
  expect(off!.returned).toBeLessThan(6)
  expect(off!.recall!.mean).toBeLessThan(0.6)
  for (const mode of ['relaxed_order', 'strict_order']) {
    expect(find(mode).at(-1)!.recall!.mean).toBeGreaterThan(0.9)
    expect(find(mode).at(-1)).not.toHaveProperty('returned')
  }
  expect(warnings).toContainEqual(
    expect.stringMatching(/Fewer rows than asked for: pgvector-hnsw .* \(\d\.\d\d of 10\)\. .*partial index/),
  )
  expect(stderr).toMatch(/\nfilters: .* 0\.4% \(16\) pass/)
  expect(stderr).toMatch(/\npgvector-hnsw +.*iterative_scan=off ef_search=1000 +0\.\d+ +\d\.\d\d of 10/)
})
