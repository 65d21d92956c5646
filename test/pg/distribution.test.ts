import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionInfo } from '#src/targets/target.js'
import { startServer, type TestServer } from './server.js'

/**
 * What Citus and PgDog ask of an extension, as far as plain PostgreSQL can show it: they send its statements, as text, to other
 * servers, and put the answers together. Volatility, parallel safety and ownership of every object are in sql/properties.sql.
 */
let server: TestServer
const clients: pg.Client[] = []

async function connect(database: string): Promise<pg.Client> {
  const connection: ConnectionInfo = { ...server.connection, database }
  const client = new pg.Client({ ...connection })
  await client.connect()
  clients.push(client)
  return client
}

beforeAll(async () => {
  server = await startServer()
  for (const name of ['coordinator', 'worker']) await server.client.query(`CREATE DATABASE ${name}`)
})
afterAll(async () => {
  for (const client of clients) await client.end()
  await server?.stop()
})

const columns = 'id int PRIMARY KEY, embedding vector(8), half halfvec(8)'
const rows = `SELECT i, v::vector(8), v::halfvec(8) FROM generate_series(1, 3000) AS i,
  LATERAL (SELECT array_agg(sin(i * 13 + j * 7)::real) AS v FROM generate_series(1, 8) AS j) AS values`

describe('the extension in a transaction of its own', () => {
  let coordinator: pg.Client
  let worker: pg.Client

  beforeAll(async () => {
    for (const name of ['coordinator', 'worker']) {
      const first = await connect(name)
      await first.query('BEGIN; CREATE EXTENSION IF NOT EXISTS simdgres CASCADE; COMMIT')
    }
    // Other sessions than those that made it: they have seen nothing of it yet.
    ;[coordinator, worker] = [await connect('coordinator'), await connect('worker')]
  })

  test('is there for the next statement of another session, and again without harm', async () => {
    await coordinator.query(`CREATE TABLE items (${columns}); INSERT INTO items ${rows}`)
    await worker.query('CREATE EXTENSION IF NOT EXISTS simdgres')
    const { rows: found } = await worker.query("SELECT extname FROM pg_extension WHERE extname = 'simdgres'")
    expect(found).toHaveLength(1)
  })

  test('gives every kind of index as a statement that makes the same index on another server', async () => {
    const kinds = ['embedding vector_l2_ops', 'embedding vector_cosine_ops', 'embedding vector_ip_ops']
    for (const kind of [...kinds, ...kinds.map((name) => name.replace('embedding vector', 'half halfvec'))])
      await coordinator.query(`CREATE INDEX ON items USING simdgres (${kind})`)
    await coordinator.query('CREATE INDEX ON items USING simdgres (embedding) WHERE id > 1000')
    const read =
      'SELECT pg_get_indexdef(indexrelid) AS def FROM pg_index WHERE indrelid = $1::regclass ORDER BY 1'
    const statements = (await coordinator.query(read, ['items'])).rows.map(({ def }) => String(def))
    expect(statements.filter((text) => text.includes('USING simdgres'))).toHaveLength(7)
    await worker.query(`CREATE TABLE items (${columns}); INSERT INTO items ${rows}`)
    for (const text of statements) if (text.includes('USING simdgres')) await worker.query(text)
    expect((await worker.query(read, ['items'])).rows.map(({ def }) => def)).toEqual(statements)
  })

  test('answers a part of the rows each, whose merged answers are those of all of them', async () => {
    await worker.query('DELETE FROM items WHERE id % 2 = 0')
    await coordinator.query(`CREATE TABLE other AS SELECT * FROM items WHERE id % 2 = 0`)
    await coordinator.query('CREATE INDEX ON other USING simdgres (embedding vector_l2_ops)')
    for (const id of [1, 500, 2999]) {
      const query = (await coordinator.query('SELECT embedding::text AS q FROM items WHERE id = $1', [id]))
        .rows[0].q
      const search = async (client: pg.Client, table: string): Promise<{ id: number; d: number }[]> => {
        await client.query('SET enable_seqscan = off')
        // As docs/scale.md gives it: what a pooler sorts by has to be a column of the answer.
        const text = `SELECT id, embedding <-> $1::vector AS d FROM ${table} ORDER BY d LIMIT 10`
        const plan = await client.query(`EXPLAIN ${text.replaceAll('$1', `'${query}'`)}`)
        expect(JSON.stringify(plan.rows)).toContain('Index Scan using')
        return (await client.query(text, [query])).rows
      }
      const parts = [...(await search(worker, 'items')), ...(await search(coordinator, 'other'))]
      const merged = parts.sort((a, b) => a.d - b.d || a.id - b.id).slice(0, 10)
      expect(merged).toEqual(await search(coordinator, 'items'))
    }
  })

  test('leaves nothing that is not its own: dropped, all of it is gone, and it comes back', async () => {
    const own = `SELECT count(*)::int AS n FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod WHERE a.amname = 'simdgres'`
    expect((await worker.query(own)).rows).toEqual([{ n: 6 }])
    await worker.query('DROP EXTENSION simdgres CASCADE')
    expect((await worker.query(own)).rows).toEqual([{ n: 0 }])
    const left =
      "SELECT proname FROM pg_proc WHERE proname ~ '^simd' UNION ALL SELECT amname FROM pg_am WHERE amname = 'simdgres'"
    expect((await worker.query(left)).rows).toEqual([])
    await worker.query('CREATE EXTENSION simdgres')
    expect((await worker.query(own)).rows).toEqual([{ n: 6 }])
  })
})
