import { describe, expect, it } from 'vitest'
import { readLoads } from '#src/cli/commands/bench/loads.js'
import { resultSchema } from '#src/result/schema.js'
import { runCli } from './run-cli.js'

describe('the load of a bench', () => {
  it('is that of several clients, and of queries that arrive at a rate: a row for each', async () => {
    const { code, stdout, stderr } = await runCli([
      ...[
        'bench',
        '--target',
        'local',
        '--dataset',
        'synthetic-2000x8',
        '--queries',
        '30',
        '--seconds',
        '0.2',
      ],
      ...['--paths', 'pgvector-exact,extension-exact,addon-batch', '--clients', '1,2', '--rate', '100'],
      ...['--json', '-'],
    ])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const { paths, request, comparisons } = resultSchema.parse(JSON.parse(stdout))
    expect(request).toMatchObject({ clients: [1, 2], rates: [100] })
    const rows = paths.flatMap((row) => (row.status === 'ok' ? [row] : []))
    const loadsOf = (id: string) => new Set(rows.filter((row) => row.id === id).map(({ load }) => load.kind))
    expect(loadsOf('pgvector-exact')).toEqual(new Set(['closed', 'open']))
    // Queries that arrive one by one make no batch.
    expect(loadsOf('addon-batch')).toEqual(new Set(['closed']))
    for (const { load, recall, queries } of rows) {
      expect(recall!.mean).toBe(1)
      if (load.kind === 'closed') continue
      expect(load).toMatchObject({ rate: 100, clients: 8 })
      // 0.2 s of arrivals.
      expect(queries).toBeLessThanOrEqual(24)
    }
    expect(new Set(comparisons.map(({ subject }) => subject.clients))).toEqual(new Set([undefined, 2]))
    expect(stderr).toMatch(/\npgvector-exact .* 2 clients +1\.0000/)
    expect(stderr).toMatch(/\npgvector-exact .* 100\/s arrive +1\.0000/)
    expect(stderr).toMatch(/extension-exact is .* as fast as pgvector-exact \(.*with 2 clients\)/)
    expect(stderr).not.toContain('one client that waits')
  })

  it.each([
    ['clients', '0'],
    ['clients', '1.5'],
    ['clients', '1,65'],
    ['rate', '0'],
    ['rate', 'fast'],
    ['rate', '20001'],
  ])('--%s %s is refused with what may be there', (name, value) => {
    expect(() => readLoads({ [name]: value })).toThrow(new RegExp(`such as .* for --${name} but received`))
  })

  it('stands in the plan', async () => {
    const { stdout } = await runCli(['bench', '--clients', '1,16', '--rate', '500', '--dry-run'])
    expect(stdout).toContain('load      1, 16 clients; 500 queries/s at 16 connections\n')
  })
})
