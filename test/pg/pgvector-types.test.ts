import pg from 'pg'
import { SparseVector } from 'pgvector'
import { registerTypes, toSql } from 'pgvector/pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from './server.js'

/** npm's `pgvector` is what a Node application sends and reads vectors with: our functions take its values as they are. */
describe("npm's pgvector", () => {
  let server: TestServer
  let client: pg.Client
  beforeAll(async () => {
    server = await startServer()
    client = new pg.Client({ ...server.connection })
    await client.connect()
    await registerTypes(client)
    await client.query(`
      CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), b bit(3));
      INSERT INTO items VALUES
        (1, '[1,0,0]', '[1,0,0]', '100'),
        (2, '[0,3,4]', '[0,3,4]', '011'),
        (3, '[0.5,0.25,0]', '[0.5,0.25,0]', '110')`)
  })
  afterAll(async () => {
    await client?.end()
    await server?.stop()
  })

  /** Rows by our function, and by the operator of pgvector that it stands for. */
  const cases = [
    ['v', 'simd_l2_distance', '<->', [1, 0, 0]],
    ['v', 'simd_inner_product', '<#>', [1, 0, 0]],
    ['v', 'simd_cosine_distance', '<=>', [1, 0, 0]],
    ['v', 'simd_l1_distance', '<+>', [1, 0, 0]],
    ['h', 'simd_l2_distance', '<->', [1, 0, 0]],
    ['h', 'simd_inner_product', '<#>', [1, 0, 0]],
    ['h', 'simd_cosine_distance', '<=>', [1, 0, 0]],
    ['h', 'simd_l1_distance', '<+>', [1, 0, 0]],
    ['b', 'simd_hamming_distance', '<~>', '100'],
    ['b', 'simd_jaccard_distance', '<%>', '100'],
  ] as const

  test.each(cases)('%s: %s takes a parameter of toSql as %s does', async (column, name, operator, query) => {
    // pgvector's operator of the inner product is negative, so that the largest comes first.
    const ours = operator === '<#>' ? `-${name}(${column}, $1)` : `${name}(${column}, $1)`
    const { rows } = await client.query(
      `SELECT id, ${ours} AS ours, ${column} ${operator} $1 AS theirs FROM items ORDER BY ours, id`,
      [typeof query === 'string' ? query : toSql([...query])],
    )
    expect(rows.map(({ id }) => id)).toEqual([1, 3, 2])
    for (const { ours: found, theirs } of rows) expect(found).toBeCloseTo(theirs, 5)
  })

  test('a Float32Array is sent by way of an array', async () => {
    const query = new Float32Array([0.1, 0.2, 0.3])
    const { rows } = await client.query('SELECT simd_l2_distance(v, $1) AS d FROM items WHERE id = 1', [
      toSql([...query]),
    ])
    expect(rows[0].d).toBeCloseTo(Math.hypot(0.9, 0.2, 0.3), 6)
  })

  test('vectors, halves and bits come back as registerTypes reads them', async () => {
    const { rows } = await client.query('SELECT v, h, b, simd_norm(v) AS norm FROM items WHERE id = 2')
    expect(rows).toEqual([{ v: [0, 3, 4], h: [0, 3, 4], b: '011', norm: 5 }])
  })

  test('a sparse vector is refused, not converted', async () => {
    const sparse = toSql(new SparseVector({ 0: 1 }, 3))
    const call = client.query('SELECT simd_l2_distance($1::sparsevec, $1::sparsevec)', [sparse])
    // 42883: no function for this type.
    await expect(call).rejects.toMatchObject({ code: '42883' })
  })
})
