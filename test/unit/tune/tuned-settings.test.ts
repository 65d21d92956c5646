import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { renderTunedEnv, renderTunedSql, stackVariables } from '#src/report/tuned-settings.js'
import type { TuneComparison, TuneResult } from '#src/result/tune-schema.js'
import type { Candidate } from '#src/tune/candidates.js'
import { recommend } from '#src/tune/recommend.js'

const start: Candidate = {
  name: 'present',
  path: 'pgvector-exact',
  design: { storage: 'external' },
  server: {},
  session: {},
}
const present = {
  shared_buffers: '512MB',
  max_parallel_workers_per_gather: '1',
  jit: 'off',
  huge_pages: 'try',
}

const finalist = (name: string, more: Partial<TuneComparison>): TuneComparison => ({
  ...{
    name,
    path: 'pgvector-exact',
    design: {},
    server: {},
    session: {},
    variant: {},
    clients: 4,
    blocks: 32,
  },
  ...{ speedUp: 1.2, ci95: [1.1, 1.3], outcome: 'improved' },
  ...more,
})

const resultOf = (comparisons: readonly TuneComparison[]) =>
  ({
    mode: 'search',
    dataset: { name: 'glove-100', rows: 341_000, dims: 100 },
    environment: { cpu: 'A Processor' },
    confirmation: [...comparisons],
    recommendation: recommend(comparisons, start, present),
  }) as unknown as TuneResult

describe('what is recommended', () => {
  const winner = finalist('winner', {
    design: { storage: 'plain' },
    server: { shared_buffers: '1GB', huge_pages: 'off' },
    session: { max_parallel_workers_per_gather: '0', jit: 'off' },
  })

  test('is by variable in the stack where it has one, else in the database, each with what it was', () => {
    const result = resultOf([winner])
    const env = renderTunedEnv(result)
    expect(env).toContain(
      '# shared_buffers: 512MB -> 1GB; its own share of the gain was not measured\nPOSTGRES_SHARED_BUFFERS=1GB',
    )
    expect(env).toContain('POSTGRES_MAX_PARALLEL_WORKERS_PER_GATHER=0')
    expect(env).toContain('1.20 times as fast as the present setting (1.10 to 1.30)')
    expect(env).not.toContain('jit')
    const sql = renderTunedSql(result)
    expect(sql).toContain('-- storage: external -> plain')
    expect(sql).toContain('SET STORAGE PLAIN')
    expect(sql).toContain("ALTER SYSTEM SET huge_pages = 'off'")
    // What is as it was is no change.
    expect(sql).not.toContain('jit')
  })

  test('has its measured gain in its line where it is the one change', () => {
    const result = resultOf([finalist('winner', { server: { shared_buffers: '1GB' } })])
    expect(renderTunedEnv(result)).toContain(
      '# shared_buffers: 512MB -> 1GB; 1.20 times as fast on fresh servers (1.10 to 1.30)\nPOSTGRES_SHARED_BUFFERS=1GB',
    )
  })

  test('of the workers of a table is a statement, or takes one back', () => {
    const sqlOf = (workers: number | string) =>
      renderTunedSql(resultOf([finalist('winner', { design: { parallel_workers: workers } })]))
    expect(sqlOf(2)).toContain('-- ALTER TABLE your_table SET (parallel_workers = 2);')
    expect(sqlOf('auto')).toContain('-- ALTER TABLE your_table RESET (parallel_workers);')
  })

  test('is the one with the highest lower bound, not the highest estimate', () => {
    const risky = finalist('candidate 2', { speedUp: 2, ci95: [1.05, 4], server: { shared_buffers: '2GB' } })
    expect(resultOf([risky, winner]).recommendation).toMatchObject({ isChange: true, winner: 'winner' })
  })

  test.each([
    ['inconclusive', [0.9, 1.6]],
    ['ok', [0.97, 1.02]],
    ['regressed', [0.5, 0.6]],
    // By its own interval it is not faster.
    ['improved', [0.99, 1.2]],
    ['improved', [1.1, 1.3], 15],
  ] as const)('is nothing where the verdict is %s, %j', (outcome, ci95, blocks: number = 32) => {
    const result = resultOf([
      finalist('winner', { outcome, ci95: [...ci95], blocks, server: { shared_buffers: '1GB' } }),
    ])
    expect(result.recommendation).toEqual({ isChange: false, settings: [] })
    for (const text of [renderTunedEnv(result), renderTunedSql(result)]) {
      expect(text).toContain('there is nothing to change')
      expect(text.split('\n').filter((line) => line !== '' && !/^(#|--)/.test(line))).toEqual([])
    }
  })

  test('uses variables that the stack knows', () => {
    const example = readFileSync(new URL('../../../docker/.env.example', import.meta.url), 'utf8')
    for (const variable of Object.values(stackVariables)) expect(example).toContain(variable)
  })
})
