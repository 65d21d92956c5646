import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { comparisons, createPairs, findDifferences } from './differential.js'
import { runRegress } from './regress.js'
import { startServer, type TestServer } from './server.js'

/** Each runs wherever the one after it does. */
const isas = ['scalar', 'avx2', 'avx512'] as const

/** What this machine chooses when nothing is forced: the last it can run. */
const best = await (async () => {
  const server = await startServer('')
  const { rows } = await server.client.query('SELECT simdgres_isa() AS isa')
  await server.stop()
  return rows[0].isa
})()
const runnable = isas.slice(0, isas.indexOf(best) + 1)

test('this machine runs kernels of a known name', () => {
  expect(isas).toContain(best)
})

describe.each(runnable)('the extension on %s kernels', (isa) => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer(isa)
  })
  afterAll(() => server?.stop())

  test('runs the kernels that were asked for', async () => {
    const { rows } = await server.client.query('SELECT simdgres_isa() AS isa')
    expect(rows).toEqual([{ isa }])
  })

  test('passes pg_regress', async () => {
    await runRegress(server.connection)
  })

  test.each([
    ["simd_l2_distance('[1]'::vector, '[1,2]'::vector)", '22000'],
    ["simd_cosine_distance('[1]'::halfvec, '[1,2]'::halfvec)", '22000'],
    ["simd_l1_distance('{1}'::real[], '{1,2}'::real[])", '22000'],
    ["simd_hamming_distance('1'::bit(1), '10'::bit(2))", '22000'],
    ["simd_norm('{1,NULL}'::real[])", '22004'],
    ["simd_norm('{{1},{2}}'::real[])", '2202E'],
  ])('refuses %s with SQLSTATE %s and a hint', async (call, code) => {
    const failure = server.client.query(`SELECT ${call}`)
    await expect(failure).rejects.toMatchObject({ code, hint: expect.stringMatching(/\.$/) as string })
  })

  describe('compared with pgvector on 10,000 random pairs', () => {
    beforeAll(() => createPairs(server.client))

    test.each(comparisons)('$type', async (comparison) => {
      for (const difference of await findDifferences(server.client, comparison)) {
        expect(difference).toMatchObject({ pairs: 10_000, beyondRounding: 0 })
      }
    })
  })

  test('finds the same nearest rows as pgvector in a plan whose workers really ran', async () => {
    const { client } = server
    await client.query(`CREATE TABLE items (id int, e vector(48)) WITH (parallel_workers = 2)`)
    await client.query(
      `INSERT INTO items SELECT i, array_agg((random() * 100)::real)::vector
         FROM generate_series(1, 20000) i, generate_series(1, 48) GROUP BY i`,
    )
    await client.query('ANALYZE items')
    await client.query('SET max_parallel_workers_per_gather = 2')
    await client.query('SET parallel_setup_cost = 0')
    const probe = JSON.stringify(Array.from({ length: 48 }, (_, i) => (i * 37) % 100))
    const search = `SELECT id FROM items ORDER BY simd_l2_distance(e, '${probe}'), id LIMIT 50`
    const { rows: plan } = await client.query(
      `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ${search}`,
    )
    expect(JSON.stringify(plan)).toMatch(/"Workers Launched":[1-9]/)
    const { rows: found } = await client.query(search)
    await client.query('SET max_parallel_workers_per_gather = 0')
    const { rows: expected } = await client.query(
      `SELECT id FROM items ORDER BY e <-> '${probe}', id LIMIT 50`,
    )
    expect(found).toEqual(expected)
  })
})

test('refuses an unknown instruction set and names the known ones', async () => {
  await expect(startServer('sse9')).rejects.toMatchObject({
    message: expect.stringContaining('SIMDGRES_ISA names an unknown instruction set: "sse9"'),
    cause: { code: '22023', hint: expect.stringContaining('scalar, avx2, avx512') },
  })
})

const missing = isas.filter((isa) => !runnable.includes(isa))
test.runIf(missing.length > 0).each(missing)('refuses %s, which this machine lacks', async (isa) => {
  await expect(startServer(isa)).rejects.toMatchObject({
    message: expect.stringContaining(`SIMDGRES_ISA asks for "${isa}"`),
    cause: { code: '0A000' },
  })
})
