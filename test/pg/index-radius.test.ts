import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from './server.js'
import {
  changeItems,
  compareRadius,
  createItems,
  type Operator,
  operators,
  type TableCase,
} from './support/index-statements.js'
import { Random } from './support/random.js'

const seed = Number(process.env['SIMDGRES_INDEX_SEED'] ?? 20_261_127)

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server?.stop())

const tables: readonly TableCase[] = (Object.keys(operators) as Operator[]).flatMap((operator) => [
  { operator, dims: 3, rows: 2000, shape: 'mixed' },
  { operator, dims: 64, rows: 2000, shape: 'decaying' },
  { operator, dims: 3, rows: 1500, shape: 'grid' },
  { type: 'halfvec' as const, operator, dims: 8, rows: 1500, shape: 'mixedHalves' },
  { operator, dims: 16, rows: 300, shape: 'even' },
])

describe('a radius search by the index finds the rows that a filter of the distance keeps', () => {
  test.each(tables)('$operator of $dims dimensions of $type, $shape', async (table) => {
    const { client } = server
    const random = new Random(seed + tables.indexOf(table))
    await createItems(client, random, table)
    for (let i = 0; i < 24; i++) {
      await compareRadius(client, random, table)
      if (i % 6 === 5) await changeItems(client, random, table)
    }
  })
})

test.each(['vector', 'halfvec'] as const)('the planner takes the index of %s for it', async (type) => {
  const { client } = server
  await createItems(client, new Random(seed), { type, operator: '<->', dims: 8, rows: 5000, shape: 'even' })
  await client.query('ANALYZE items')
  const centre = `'[0,0,0,0,0,0,0,0]'::${type}`
  const statement = `SELECT id FROM items WHERE e <<->> sphere(${centre}, 0.4)`
  const { rows: plan } = await client.query(`EXPLAIN (FORMAT JSON) ${statement}`)
  expect(JSON.stringify(plan)).toContain('"Index Name":"items_e"')
  const { rows: found } = await client.query(`${statement} ORDER BY id`)
  const { rows: expected } = await client.query(
    `SELECT id FROM items WHERE e <-> ${centre} < 0.4 ORDER BY id`,
  )
  expect(found).toEqual(expected)
  expect(found.length).toBeGreaterThan(0)
  // As a filter, too: of a table without an index, and in a join whose spheres are rows.
  await client.query('DROP INDEX items_e')
  expect((await client.query(`${statement} ORDER BY id`)).rows).toEqual(expected)
  const { rows: joined } = await client.query(
    `SELECT a.id FROM (VALUES (${centre}, 0.4), (${centre}, 0.3)) q (c, r) JOIN items a ON a.e <<->> sphere(q.c, q.r)
     WHERE q.r > 0.35 ORDER BY a.id`,
  )
  expect(joined).toEqual(expected)
})

test('a loop of PL/pgSQL compares with the sphere of its turn', async () => {
  const { client } = server
  const { rows } = await client
    .query(`CREATE FUNCTION pg_temp.count_within() RETURNS int LANGUAGE plpgsql AS $$
    DECLARE s sphere_vector; found int := 0;
    BEGIN
      FOREACH s IN ARRAY ARRAY[sphere('[0]'::vector, 0.5), sphere('[9]'::vector, 1.5), sphere('[10]'::vector, 0)] LOOP
        IF '[10]'::vector <<->> s THEN found := found + 1; END IF;
      END LOOP;
      RETURN found;
    END $$; SELECT 1`)
    .then(() => client.query('SELECT pg_temp.count_within() AS found'))
  expect(rows).toEqual([{ found: 1 }])
})

test("a view asks for no right to pgvector's schema", async () => {
  const { client } = server
  await client.query('CREATE DATABASE apart TEMPLATE template0')
  const apart = new pg.Client({ ...server.connection, database: 'apart' })
  await apart.connect()
  await apart.query(`CREATE SCHEMA own; REVOKE ALL ON SCHEMA own FROM PUBLIC; CREATE EXTENSION vector SCHEMA own;
    SET search_path = public, own; CREATE EXTENSION simdgres SCHEMA own; CREATE TABLE items (e vector(1));
    INSERT INTO items VALUES ('[1]'), ('[3]');
    CREATE VIEW near AS SELECT e::text AS e FROM items WHERE e <<->> sphere('[1]'::vector, 1);
    CREATE ROLE reader; GRANT SELECT ON near TO reader; SET ROLE reader; SET search_path = public`)
  expect((await apart.query('SELECT * FROM near')).rows).toEqual([{ e: '[1]' }])
  await apart.end()
})

test('the planner counts on a sphere to end the scan where it is about the point of ORDER BY alone', async () => {
  const { client } = server
  await createItems(client, new Random(seed), { operator: '<->', dims: 8, rows: 20_000, shape: 'even' })
  await client.query('ANALYZE items')
  const [one, other] = ['[0,0,0,0,0,0,0,0]', '[1,0,0,0,0,0,0,0]']
  const planOf = async (centre: string) => {
    const { rows } = await client.query(`EXPLAIN (COSTS OFF) SELECT id FROM items
      WHERE e <<->> sphere('${centre}'::vector, 0.4) ORDER BY e <-> '${one}' LIMIT 10`)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
  expect(await planOf(one)).toMatch(/^Limit\n +-> +Index Scan using items_e/)
  expect(await planOf(other)).not.toMatch(/^Limit\n +-> +Index Scan using items_e/)
})

test('a sphere about a vector of other dimensions is refused as the operator refuses it', async () => {
  const { client } = server
  await createItems(client, new Random(seed), { operator: '<->', dims: 3, rows: 100, shape: 'even' })
  for (const disabled of ['enable_seqscan', 'enable_indexscan']) {
    await client.query(`SET ${disabled} = off`)
    const failure = client.query("SELECT id FROM items WHERE e <<->> sphere('[1,2]'::vector, 1)")
    await expect(failure).rejects.toMatchObject({
      code: '22000',
      message: 'different vector dimensions 3 and 2',
    })
    await client.query(`RESET ${disabled}`)
  }
})
