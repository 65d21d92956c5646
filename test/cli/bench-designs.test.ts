import { expect, it } from 'vitest'
import { resultSchema } from '#src/result/schema.js'
import { runCli } from './run-cli.js'

it('bench builds the designs that are asked for beside each other, and each row says which it is of', async () => {
  const designs = ['pgvector-hnsw:m=4,ef_construction=16', 'pgvector-hnsw:m=24', 'pgvector-ivfflat:lists=5']
  const { code, stdout, stderr } = await runCli([
    ...[
      'bench',
      '--target',
      'local',
      '--dataset',
      'synthetic-3000x16',
      '--queries',
      '50',
      '--seconds',
      '0.2',
    ],
    ...['--paths', 'pgvector-hnsw,pgvector-hnsw-halfvec,pgvector-ivfflat', '--json', '-'],
    ...designs.flatMap((design) => ['--design', design]),
  ])
  expect(stderr).not.toContain('error:')
  expect(code).toBe(0)
  const { paths, request } = resultSchema.parse(JSON.parse(stdout))
  expect(request!.designs).toEqual({
    'pgvector-hnsw': [{ m: 4, ef_construction: 16 }, { m: 24 }],
    'pgvector-ivfflat': [{ lists: 5 }],
  })
  const built = new Map(
    paths.flatMap((row) => {
      if (row.status !== 'ok') return []
      const { ef_search: _, probes: __, ...design } = row.params
      return [[`${row.id} ${JSON.stringify(design)}`, row.indexBuild!.bytes]]
    }),
  )
  // What a design leaves out is as usual, and so is a path of which none was asked for.
  expect([...built.keys()]).toEqual([
    'pgvector-hnsw {"m":4,"ef_construction":16}',
    'pgvector-hnsw {"m":24,"ef_construction":64}',
    'pgvector-hnsw-halfvec {"m":16,"ef_construction":64}',
    'pgvector-ivfflat {"lists":5}',
  ])
  const [sparse, dense] = [...built.values()]
  expect(dense).toBeGreaterThan(1.5 * sparse!)
})
