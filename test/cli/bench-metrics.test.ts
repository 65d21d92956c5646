import { describe, expect, it } from 'vitest'
import { type Measurement, resultSchema } from '#src/result/schema.js'
import { runCli } from './run-cli.js'

const exactPaths = ['sql', 'pgvector-exact', 'extension-exact']

/** The measured rows of a run of the exact paths of the server, and of `paths`. */
async function measure(
  dataset: string,
  metric: string,
  paths: readonly string[] = [],
  missing: readonly string[] = [],
): Promise<Measurement[]> {
  const args = ['bench', '--seconds', '0.3', '--target', 'local', '--queries', '50', '--json', '-']
  const chosen = ['--dataset', dataset, '--metric', metric, '--paths', [...exactPaths, ...paths].join()]
  const { code, stdout, stderr } = await runCli([...args, ...chosen])
  if (missing.length === 0) expect(stderr).not.toContain('error:')
  else expect(stderr).toContain(`could be measured: ${missing.join(', ')}\n`)
  expect(code).toBe(missing.length === 0 ? 0 : 7)
  const result = resultSchema.parse(JSON.parse(stdout))
  expect(result.dataset.metric).toBe(metric)
  return result.paths.filter((row) => row.status === 'ok')
}

function expectExact(rows: readonly Measurement[]): void {
  const exact = rows.filter((row) => row.exact)
  expect([...new Set(exact.map(({ id }) => id))].sort()).toEqual([...exactPaths].sort())
  for (const { id, params, recall } of exact) expect([id, params, recall?.mean]).toEqual([id, params, 1])
}

describe('bench on a private server', () => {
  it.each([
    ['ip', ['pgvector-hnsw', 'pgvector-ivfflat']],
    // pgvector has no operator class of IVFFlat for it.
    ['l1', ['pgvector-hnsw']],
  ])('finds the neighbours by %s', async (metric, indexes) => {
    const all = ['pgvector-hnsw', 'pgvector-ivfflat']
    const missing = all.filter((id) => !indexes.includes(id))
    const rows = await measure('synthetic-2000x24', metric, all, missing)
    expectExact(rows)
    const approximate = rows.filter((row) => !row.exact)
    expect([...new Set(approximate.map(({ id }) => id))]).toEqual(indexes)
    for (const { recall } of approximate) expect(recall?.mean).toBeGreaterThan(0.1)
  })

  it('shows both storages for vectors that may lie out of line, by cosine', async () => {
    const rows = await measure('synthetic-1500x600', 'cosine')
    expectExact(rows)
    for (const id of ['pgvector-exact', 'extension-exact']) {
      const storages = rows.filter((row) => row.id === id).map(({ params }) => params['storage'])
      expect(new Set(storages)).toEqual(new Set(['plain', 'external']))
    }
  })
})
