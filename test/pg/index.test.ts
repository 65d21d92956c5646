import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from './server.js'
import type { Shape } from './support/index-data.js'
import {
  changeItems,
  compareStatement,
  createItems,
  insertRows,
  type Operator,
  operators,
  type TableCase,
} from './support/index-statements.js'
import { Random } from './support/random.js'

/** Over all tables; a longer run is asked for in the environment. */
const statements = Number(process.env['SIMDGRES_INDEX_STATEMENTS'] ?? 1000)
const seed = Number(process.env['SIMDGRES_INDEX_SEED'] ?? 20_261_127)

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server?.stop())

const sizes: readonly (Pick<TableCase, 'type' | 'dims' | 'rows'> & { shapes: readonly Shape[] })[] = [
  { dims: 1, rows: 1300, shapes: ['even', 'mixed', 'grid'] },
  {
    dims: 3,
    rows: 3000,
    shapes: ['even', 'duplicates', 'shifted', 'huge', 'tiny', 'vanishing', 'mixed', 'grid'],
  },
  { dims: 100, rows: 2000, shapes: ['decaying', 'shifted', 'huge', 'vanishing', 'mixed'] },
  { dims: 512, rows: 1100, shapes: ['decaying', 'tiny', 'mixed'] },
  { dims: 2001, rows: 1100, shapes: ['decaying'] },
  { type: 'halfvec', dims: 3, rows: 3000, shapes: ['even', 'shifted', 'mixedHalves', 'grid'] },
  { type: 'halfvec', dims: 101, rows: 1500, shapes: ['decaying', 'mixedHalves'] },
]
const tables: readonly TableCase[] = (Object.keys(operators) as Operator[]).flatMap((operator) =>
  sizes.flatMap(({ shapes, ...size }) =>
    shapes.map((shape) => ({ type: 'vector', operator, ...size, shape })),
  ),
)

describe('an index finds what a sequential scan finds', () => {
  test.each(tables)('$operator of $dims dimensions of $type, $shape', async (table) => {
    const { client } = server
    const random = new Random(seed + tables.indexOf(table))
    await createItems(client, random, table)
    const count = Math.ceil(statements / tables.length)
    for (let i = 0; i < count; i++) {
      await compareStatement(client, random, table)
      if (i % 4 === 3) await changeItems(client, random, table)
    }
  })
})

describe('an index of a table that was empty', () => {
  const cases: readonly (readonly [Operator, 'vector' | 'halfvec'])[] = [
    ...(Object.keys(operators) as Operator[]).map((operator) => [operator, 'vector'] as const),
    ['<->', 'halfvec'],
  ]
  test.each(cases)('%s of %s', async (operator, type) => {
    const { client } = server
    const table: TableCase = { type, operator, dims: 16, rows: 0, shape: 'decaying' }
    const random = new Random(seed)
    await createItems(client, random, table)
    await compareStatement(client, random, table)
    for (const rows of [1, 2, 60, 1900, 2000]) {
      await insertRows(client, random, table, rows)
      for (let i = 0; i < 5; i++) await compareStatement(client, random, table)
    }
    // It was trained on the way, by an insert.
    const { rows: info } = await client.query(
      "SELECT coded_rows > 3000 AS is_coded, advice FROM simdgres_index_info('items_e')",
    )
    expect(info).toEqual([{ is_coded: true, advice: null }])
    await client.query('VACUUM items')
    for (let i = 0; i < 5; i++) await compareStatement(client, random, table)
  })
})

describe.each(['TEMPORARY', 'UNLOGGED'] as const)('an index of a table that is %s', (kind) => {
  test('finds what a sequential scan finds', async () => {
    const { client } = server
    const table: TableCase = { operator: '<->', dims: 8, rows: 3000, shape: 'decaying' }
    const random = new Random(seed)
    await createItems(client, random, table, kind)
    for (let i = 0; i < 20; i++) {
      await compareStatement(client, random, table)
      if (i % 5 === 4) await changeItems(client, random, table)
    }
    await client.query('DROP TABLE items')
  })
})

describe.each(['decaying', 'duplicates', 'grid'] as const)('with little memory, %s', (shape) => {
  test.each(['64kB', '128kB', '4MB'])('work_mem %s', async (memory) => {
    const { client } = server
    const table: TableCase = { operator: '<->', dims: 3, rows: 12_000, shape }
    const random = new Random(seed)
    await createItems(client, random, table)
    await client.query(`SET work_mem = '${memory}'`)
    for (let i = 0; i < 12; i++) await compareStatement(client, random, table)
    await client.query('RESET work_mem')
  })
})

test('partial indexes and those of expressions answer the statements that they are for', async () => {
  const { client } = server
  const random = new Random(seed)
  await createItems(client, random, { operator: '<->', dims: 12, rows: 3000, shape: 'decaying' })
  await client.query('DROP INDEX items_e')
  await client.query('CREATE INDEX items_part ON items USING simdgres (e) WHERE tag < 500')
  await client.query(
    'CREATE INDEX items_half ON items USING simdgres ((subvector(e, 1, 6)::vector(6)) vector_cosine_ops)',
  )
  const probe = (dims: number) => JSON.stringify(Array.from({ length: dims }, () => random.normal()))
  const statements = [
    `SELECT id FROM items WHERE tag < 500 ORDER BY e <-> '${probe(12)}' LIMIT 30`,
    `SELECT id FROM items WHERE e IS NOT NULL ORDER BY subvector(e, 1, 6)::vector(6) <=> '${probe(6)}' LIMIT 30`,
  ]
  for (const statement of statements) {
    await client.query('SET enable_seqscan = off')
    const { rows: plan } = await client.query(`EXPLAIN (FORMAT JSON) ${statement}`)
    expect(JSON.stringify(plan)).toMatch(/"Index Name":"items_(part|half)"/)
    const { rows: found } = await client.query(statement)
    await client.query('RESET enable_seqscan')
    await client.query('SET enable_indexscan = off')
    const { rows: expected } = await client.query(statement)
    await client.query('RESET enable_indexscan')
    expect(found).toEqual(expected)
  }
})

test('a cursor goes on where it was, whatever happens to the rows meanwhile', async () => {
  const { client } = server
  const table: TableCase = { operator: '<->', dims: 8, rows: 3000, shape: 'decaying' }
  const random = new Random(seed)
  await createItems(client, random, table)
  const order = `e <-> '${JSON.stringify(Array(8).fill(0.1))}'`
  const all = `SELECT ${order} AS distance FROM items ORDER BY ${order}`
  await client.query('SET enable_indexscan = off')
  const { rows: expected } = await client.query(`${all} LIMIT 200`)
  await client.query('RESET enable_indexscan')
  await client.query('BEGIN')
  await client.query('SET LOCAL enable_seqscan = off')
  await client.query(`DECLARE near CURSOR FOR ${all}`)
  const first = await client.query('FETCH 50 FROM near')
  await insertRows(client, random, table, 500)
  await client.query('DELETE FROM items WHERE id % 3 = 0')
  const second = await client.query('FETCH 150 FROM near')
  await client.query('COMMIT')
  expect([...first.rows, ...second.rows]).toEqual(expected)
})

describe('slots of rows that VACUUM removed', () => {
  const cases: readonly TableCase[] = [
    { operator: '<->', dims: 100, rows: 6000, shape: 'decaying' },
    { operator: '<=>', dims: 512, rows: 1500, shape: 'decaying' },
    { type: 'halfvec', operator: '<#>', dims: 3, rows: 8000, shape: 'mixedHalves' },
  ]
  test.each(cases)('are taken by later inserts: $operator of $dims dimensions', async (table) => {
    const { client } = server
    const random = new Random(seed)
    await createItems(client, random, table)
    const size = async () => {
      const { rows } = await client.query("SELECT pg_relation_size('items_e') AS bytes")
      return Number(rows[0].bytes)
    }
    const before = await size()
    for (const removed of ['id % 2 = 0', 'tag < 500']) {
      const { rowCount } = await client.query(`DELETE FROM items WHERE ${removed}`)
      await client.query('VACUUM items')
      await insertRows(client, random, table, rowCount!)
      for (let i = 0; i < 10; i++) await compareStatement(client, random, table)
    }
    const { rows } = await client.query(
      "SELECT simdgres_index_check('items_e') = (SELECT count(*) FROM items) AS is_whole",
    )
    expect(rows).toEqual([{ is_whole: true }])
    expect(await size()).toBe(before)
  })

  test('are taken by later inserts: of rows without a vector', async () => {
    const { client } = server
    await createItems(client, new Random(seed), { operator: '<->', dims: 8, rows: 1500, shape: 'even' })
    const sizes: number[] = []
    for (let round = 0; round < 4; round++) {
      // As an application does that computes vectors later.
      await client.query('INSERT INTO items (tag) SELECT 0 FROM generate_series(1, 5000)')
      await client.query('DELETE FROM items WHERE e IS NULL')
      await client.query('VACUUM items')
      const { rows } = await client.query("SELECT pg_relation_size('items_e')::int AS bytes")
      sizes.push(rows[0].bytes)
    }
    expect(new Set(sizes).size, sizes.join()).toBe(1)
    await client.query('INSERT INTO items (tag) SELECT 0 FROM generate_series(1, 7000)')
    const { rows } = await client.query(
      "SELECT simdgres_index_check('items_e') = (SELECT count(*) FROM items) AS is_whole",
    )
    expect(rows).toEqual([{ is_whole: true }])
  })

  test('stay the old ones to a scan that began before', async () => {
    const { client } = server
    const table: TableCase = { operator: '<->', dims: 24, rows: 4000, shape: 'decaying' }
    const random = new Random(seed)
    await createItems(client, random, table)
    await client.query('DELETE FROM items WHERE id % 2 = 0')
    const order = `e <-> '${JSON.stringify(Array(24).fill(0.1))}'`
    const all = `SELECT id, ${order} AS distance FROM items ORDER BY ${order}`
    await client.query('SET enable_indexscan = off')
    const { rows: expected } = await client.query(all)
    await client.query('RESET enable_indexscan')
    const other = new pg.Client({ ...server.connection })
    await other.connect()
    await other.query('BEGIN')
    await other.query('SET LOCAL enable_seqscan = off')
    await other.query(`DECLARE near CURSOR FOR ${all}`)
    const first = await other.query('FETCH 50 FROM near')
    await client.query('VACUUM items')
    await insertRows(client, random, table, 1900)
    const { rows } = await client.query(
      "SELECT dead_rows < 200 AS are_taken FROM simdgres_index_info('items_e')",
    )
    expect(rows).toEqual([{ are_taken: true }])
    const second = await other.query('FETCH ALL FROM near')
    await other.query('COMMIT')
    await other.end()
    const found = [...first.rows, ...second.rows]
    expect(found.map(({ distance }) => distance)).toEqual(expected.map(({ distance }) => distance))
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set(expected.map(({ id }) => id)))
  })
})

describe('a build by several processes', () => {
  const cases: readonly TableCase[] = [
    { operator: '<->', dims: 24, rows: 6000, shape: 'decaying' },
    { operator: '<=>', dims: 3, rows: 6000, shape: 'mixed' },
    { type: 'halfvec', operator: '<#>', dims: 16, rows: 6000, shape: 'mixedHalves' },
  ]
  test.each(cases)('has all rows once: $operator of $type', async (table) => {
    const { client } = server
    const random = new Random(seed)
    const told: string[] = []
    const listen = ({ message }: { message?: string | undefined }) => told.push(message ?? '')
    await createItems(client, random, table)
    await client.query('ALTER TABLE items SET (parallel_workers = 1)')
    await client.query('SET client_min_messages = debug1')
    client.on('notice', listen)
    for (const how of ['', 'CONCURRENTLY']) {
      await client.query(`REINDEX INDEX ${how} items_e`)
      const { rows } = await client.query(
        "SELECT simdgres_index_check('items_e') = (SELECT count(*) FROM items) AS is_whole",
      )
      expect(rows).toEqual([{ is_whole: true }])
      for (let i = 0; i < 6; i++) await compareStatement(client, random, table)
    }
    // Each process leaves a segment that is not full, which later inserts may fill.
    await client.query('VACUUM items')
    await insertRows(client, random, table, 500)
    for (let i = 0; i < 6; i++) await compareStatement(client, random, table)
    const { rows } = await client.query(
      "SELECT simdgres_index_check('items_e') = (SELECT count(*) FROM items) AS is_whole",
    )
    expect(rows).toEqual([{ is_whole: true }])
    client.off('notice', listen)
    await client.query('RESET client_min_messages')
    expect(told.filter((message) => /^1 parallel workers build index/.test(message))).toHaveLength(2)
  })
})

test.each(['vector', 'halfvec'] as const)(
  'a query of other dimensions is refused as the operator of %s refuses it',
  async (type) => {
    const { client } = server
    await createItems(client, new Random(seed), { type, operator: '<->', dims: 3, rows: 100, shape: 'even' })
    await client.query('SET enable_seqscan = off')
    const failure = client.query("SELECT id FROM items ORDER BY e <-> '[1,2]' LIMIT 1")
    await expect(failure).rejects.toMatchObject({
      code: '22000',
      message: `different ${type} dimensions 3 and 2`,
    })
    await client.query('RESET enable_seqscan')
  },
)

test('a database of version 0.1.0 gets the index by an update, and keeps its functions', async () => {
  const { client } = server
  await client.query('CREATE DATABASE updated TEMPLATE template0')
  const old = new pg.Client({ ...server.connection, database: 'updated' })
  await old.connect()
  await old.query("CREATE EXTENSION simdgres VERSION '0.1.0' CASCADE")
  await old.query("CREATE VIEW near AS SELECT simd_l2_distance('[1,2]'::vector, '[4,6]') AS distance")
  await old.query('CREATE TABLE items (e vector(3))')
  const create = 'CREATE INDEX ON items USING simdgres (e vector_l2_ops)'
  await expect(old.query(create)).rejects.toMatchObject({ code: '42704' })
  await old.query('ALTER EXTENSION simdgres UPDATE')
  await old.query(create)
  await old.query('CREATE INDEX ON items USING simdgres ((e::halfvec(3)))')
  const { rows } = await old.query('SELECT distance, simdgres_version() AS version FROM near')
  const { rows: available } = await old.query(
    "SELECT default_version AS version FROM pg_available_extensions WHERE name = 'simdgres'",
  )
  expect(rows).toEqual([{ distance: 5, ...available[0] }])
  await old.end()
})

test.each(['vector', 'halfvec'] as const)(
  'the planner uses it for the nearest few of %s alone',
  async (type) => {
    const { client } = server
    await createItems(client, new Random(seed), {
      type,
      operator: '<->',
      dims: 16,
      rows: 5000,
      shape: 'decaying',
    })
    await client.query('ANALYZE items')
    const nodes = async (statement: string) => {
      const { rows } = await client.query<Record<'QUERY PLAN', string>>(`EXPLAIN (COSTS OFF) ${statement}`)
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    const order = `e <-> '${JSON.stringify(Array(16).fill(0))}'`
    expect(await nodes(`SELECT id FROM items ORDER BY ${order} LIMIT 10`)).toContain('using items_e')
    expect(await nodes(`SELECT id FROM items WHERE tag < 500 ORDER BY ${order} LIMIT 10`)).toContain(
      'using items_e',
    )
    expect(await nodes(`SELECT id FROM items ORDER BY ${order}`)).toContain('Seq Scan')
    expect(await nodes(`SELECT id FROM items WHERE ${order} < 1`)).toContain('Seq Scan')
    expect(await nodes('SELECT count(*) FROM items')).toContain('Seq Scan')
    // Of another operator, and by descending distance, it knows nothing.
    expect(await nodes(`SELECT id FROM items ORDER BY ${order.replace('<->', '<=>')} LIMIT 10`)).toContain(
      'Seq Scan',
    )
    expect(await nodes(`SELECT id FROM items ORDER BY ${order} DESC LIMIT 10`)).toContain('Seq Scan')
  },
)
