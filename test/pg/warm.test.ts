import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { prepareCorpora } from '#src/measure/corpora.js'
import { warm } from '#src/paths/server/vector-table.js'
import { Workspace } from '#src/paths/server/workspace.js'
import { silent } from '#src/progress.js'
import { clientOptions } from '#src/targets/connection.js'
import { startServer, type TestServer } from './server.js'

const { signal } = new AbortController()
let server: TestServer
let workspace: Workspace

beforeAll(async () => {
  server = await startServer()
  // Without pg_prewarm.
  await server.client.query('CREATE DATABASE cold')
  const connection = { ...server.connection, database: 'cold' }
  const client = new pg.Client(clientOptions(connection))
  await client.connect()
  await client.query('CREATE EXTENSION vector')
  await client.end()
  workspace = await Workspace.open({ connection, mayCreateExtensions: false, progress: silent, signal })
})
afterAll(async () => {
  await workspace?.close()
  await server?.stop()
})

test('without pg_prewarm a scan reads the vectors, those out of line as well', async () => {
  const dataset = await loadDataset('synthetic-300x600', { queries: 10 })
  const choice = { id: 'pgvector-exact', designs: [{ storage: 'external' }] }
  const context = { dataset, k: 5, workspace, target: 'local' as const, progress: silent, signal, threads: 1 }
  const { corpora } = await prepareCorpora([choice], context)
  const table = 'simdgres_bench.vectors_external'
  const readPages = async () => {
    await workspace.session.query('SELECT pg_stat_force_next_flush()')
    const [row] = await workspace.session.query<{ touched: string; size: string }>(
      `SELECT toast_blks_hit + toast_blks_read AS touched, pg_relation_size(reltoastrelid) / 8192 AS size
         FROM pg_statio_user_tables JOIN pg_class ON pg_class.oid = relid WHERE relid = $1::regclass`,
      [table],
    )
    return { touched: Number(row!.touched), size: Number(row!.size) }
  }
  const before = await readPages()
  await warm(workspace, table)
  const after = await readPages()
  expect(after.size).toBeGreaterThan(50)
  expect(after.touched - before.touched).toBeGreaterThanOrEqual(after.size)
  for (const corpus of corpora) await corpus.dispose()
})
