import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTableBench, type TableRequest } from '#src/measure/own-table/run.js'
import { profiles } from '#src/measure/profiles.js'
import { silent } from '#src/progress.js'
import { type Measurement, resultSchema } from '#src/result/schema.js'
import { Random } from '#src/stats/random.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { runCli } from './run-cli.js'

const { signal } = new AbortController()
const target = new LocalTarget({ progress: silent, signal })
let connection: ConnectionInfo
let client: pg.Client
let folder: string
let before: unknown

/** 2,000 rows of 12 values, or of as many bits. */
const tables = `
  CREATE SCHEMA app;
  CREATE TABLE app.items AS
    SELECT i AS id, i % 100 AS category,
           (SELECT array_agg(random()) FROM generate_series(1, 12) WHERE i > 0)::real[]::vector(12) AS embedding
      FROM generate_series(1, 2000) AS i;
  ALTER TABLE app.items ADD PRIMARY KEY (id), ALTER embedding TYPE vector(12);
  CREATE INDEX items_hnsw ON app.items USING hnsw (embedding vector_l2_ops);
  CREATE INDEX items_cosine ON app.items USING hnsw (embedding vector_cosine_ops);
  CREATE TABLE app.halves AS SELECT gen_random_uuid() AS id, embedding::halfvec(12) AS half FROM app.items;
  ALTER TABLE app.halves ALTER half TYPE halfvec(12);
  CREATE INDEX halves_ivfflat ON app.halves USING ivfflat (half halfvec_cosine_ops) WITH (lists = 20);
  CREATE TABLE app."Signs" AS
    SELECT 'row ' || id AS "Key", binary_quantize(embedding - array_fill(0.5, ARRAY[12])::vector)::bit(12) AS signs FROM app.items;
  ALTER TABLE app."Signs" ALTER signs TYPE bit(12);
  CREATE INDEX signs_hnsw ON app."Signs" USING hnsw (signs bit_hamming_ops);
  CREATE TABLE app.large AS SELECT id + 5000000000 AS id, embedding FROM app.items;
  CREATE INDEX large_exact ON app.large USING simdgres (embedding vector_l2_ops);
  CREATE TABLE app.both AS SELECT * FROM app.large;
  CREATE INDEX both_exact ON app.both USING simdgres (embedding vector_l2_ops);
  CREATE INDEX both_hnsw ON app.both USING hnsw (embedding vector_l2_ops);
  CREATE INDEX both_halves ON app.both USING hnsw ((embedding::halfvec(12)) halfvec_l2_ops);
  CREATE SEQUENCE app.counter;
  CREATE TABLE app.secret AS SELECT * FROM app.large;
  CREATE VIEW app.twice AS SELECT id, embedding FROM app.items UNION ALL SELECT id, embedding FROM app.items;
  CREATE ROLE reader LOGIN PASSWORD 'of reader';
  GRANT USAGE ON SCHEMA app TO reader;
  GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader;
  GRANT ALL ON SEQUENCE app.counter TO reader;
  REVOKE ALL ON app.secret FROM reader;
  ANALYZE`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-table-'))
  connection = await target.deploy({ memoryBytes: 1 << 30 })
  client = new pg.Client({ ...connection })
  await client.connect()
  await client.query('CREATE EXTENSION IF NOT EXISTS vector; CREATE EXTENSION IF NOT EXISTS simdgres')
  await client.query(tables)
  before = await readState()
})
afterAll(async () => {
  await client?.end()
  await target.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The schema, what was ever written to each table, and what a session could leave behind. */
async function readState(): Promise<unknown> {
  const { host, port, user, password, database } = connection
  const dump = await promisify(execFile)(
    'pg_dump',
    ['--schema-only', '--host', host, '--port', String(port), '--username', user, database],
    { env: { ...process.env, PGPASSWORD: password } },
  )
  await client.query('SELECT pg_stat_clear_snapshot()')
  const { rows: writes } = await client.query(
    `SELECT relid::regclass::text AS name, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup FROM pg_stat_user_tables ORDER BY 1`,
  )
  const { rows: files } = await client.query(
    'SELECT relname, relfilenode, pg_relation_size(oid) AS bytes, reloptions FROM pg_class WHERE oid >= 16384 ORDER BY relname',
  )
  const { rows: locks } = await client.query("SELECT objid FROM pg_locks WHERE locktype = 'advisory'")
  // Newer versions write a token of their own into each dump.
  return { schema: dump.stdout.replaceAll(/^\\(un)?restrict .*$/gm, ''), writes, files, locks }
}

const url = () => `postgres://reader@${connection.host}:${connection.port}/${connection.database}`

type Asked = Partial<TableRequest> & Pick<TableRequest, 'table'>

function requestOf(asked: Asked): TableRequest {
  const profile = { ...profiles[0]!, rounds: 2, budgetMs: 5, maxQueries: 20, warmUpMs: 5 }
  const address = url().replace('reader@', 'reader:of%20reader@')
  return { url: address, profile, id: 'id', queries: 10, k: 5, seed: 1, ...asked }
}

async function measure(asked: Asked) {
  const { result } = await runTableBench(requestOf(asked), { progress: silent, signal })
  const rows = result.paths.map((row) => {
    if (row.status !== 'ok') throw new Error(`${row.id}: ${row.reason}`)
    return row
  })
  return { result, rows }
}

const idsOf = (rows: readonly Measurement[]) => [...new Set(rows.map(({ id }) => id))]
const bestOf = (rows: readonly Measurement[], id: string) =>
  Math.max(...rows.filter((row) => row.id === id).map(({ recall }) => recall!.mean))

it('the rows can be copied into this process, and are searched there exactly, by their own ids', async () => {
  const before = await readState()
  for (const table of ['app.items', 'app.large']) {
    const { rows, result } = await measure({ table, where: 'id % 2 = 0', fetchThreads: 2 })
    const fetched = rows.filter(({ id }) => id === 'addon-exact')
    expect(fetched.map(({ params }) => params)).toEqual([{ threads: 1 }, { threads: 2 }])
    for (const row of fetched) {
      expect(row.recall!.mean).toBe(1)
      expect(row.loading!.rowsPerSecond).toBeGreaterThan(0)
    }
    expect(result.request).toMatchObject({ fetch: true, threads: 2 })
    expect(resultSchema.parse(result)).toEqual(result)
  }
  expect(await readState()).toEqual(before)
})

describe("bench on a table of the user's", () => {
  it('measures it as a role that may only read it, and shows the same as for data of its own', async () => {
    const { code, stdout, stderr } = await runCli(
      [
        ...['bench', '--url', url(), '--table', 'app.items', '--id', 'id', '--vector', 'embedding'],
        ...['--seconds', '0.02', '--sample', '10', '--json', '-'],
      ],
      { PGPASSWORD: 'of reader' },
    )
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    const result = resultSchema.parse(JSON.parse(stdout))
    expect(result.dataset).toMatchObject({
      name: 'app.items',
      rows: 2000,
      dims: 12,
      metric: 'cosine',
      queries: 10,
    })
    expect(result.request).toMatchObject({ dataset: 'app.items', table: { id: 'id', vector: 'embedding' } })
    expect(stdout + stderr).not.toContain('of reader')
    expect(stderr).toMatch(/\nas-is +1\.0000|\nas-is +0\.\d+/)
    // The metric is the first index's.
    expect(result.warnings.filter((text) => text.includes('is not measured'))).toEqual([
      expect.stringMatching(/items_hnsw .*vector_l2_ops is not for cosine.*--metric/),
    ])
    expect(await readState()).toEqual(before)
  })

  it('takes each index of the column over its knob, and exact paths find every neighbour', async () => {
    const { rows } = await measure({ table: 'app.items', metric: 'l2' })
    expect(idsOf(rows)).toEqual(['as-is', 'pgvector-exact', 'pgvector-hnsw', 'extension-exact'])
    for (const { id, exact, recall } of rows) if (exact) expect([id, recall!.mean]).toEqual([id, 1])
    const hnsw = rows.filter(({ id }) => id === 'pgvector-hnsw')
    expect(hnsw[0]!.params).toEqual({ index: 'items_hnsw', ef_search: 10 })
    expect(hnsw[0]!.plan!.text).toContain('Index Scan using items_hnsw')
    expect(bestOf(rows, 'pgvector-hnsw')).toBeGreaterThan(0.9)
    const [asIs] = rows
    expect([asIs!.settings, asIs!.plan!.nodes.length > 0]).toEqual([{}, true])
  })

  it.each([
    ['uuid and halfvec', { table: 'app.halves' }, 'cosine', 'pgvector-ivfflat'],
    ['text and bits, of names in capitals', { table: 'app."Signs"', id: 'Key' }, 'l1', 'pgvector-hnsw'],
    ['bigint and vector', { table: 'app.large' }, 'l2', 'extension-index'],
  ] as const)('takes ids and vectors of %s', async (_what, request, metric, path) => {
    const { rows, result } = await measure(request)
    expect(result.dataset).toMatchObject({ metric, rows: 2000, dims: 12 })
    expect(bestOf(rows, path)).toBeGreaterThan(0.95)
    expect(bestOf(rows, 'pgvector-exact')).toBe(1)
    expect(bestOf(rows, 'extension-exact')).toBe(1)
  })

  it('takes queries of a file, and a condition', async () => {
    const path = join(folder, 'queries.fvecs')
    const random = new Random(1)
    const rows = Array.from({ length: 12 }, () => Float32Array.from({ length: 12 }, () => random.bell()))
    await writeFile(
      path,
      rows.flatMap((row) => [Buffer.from(Int32Array.of(12).buffer), Buffer.from(row.buffer)]),
    )
    const { result, rows: measured } = await measure({
      ...{ table: 'app.items', metric: 'l2', queries: path, where: 'category < 3' },
    })
    expect(result.dataset).toMatchObject({ queries: 12, rows: 60 })
    expect(bestOf(measured, 'pgvector-exact')).toBe(1)
    // An index finds rows before the condition drops most of them.
    expect(measured.find(({ id }) => id === 'pgvector-hnsw')!.returned).toBeLessThan(5)
    // What the server gets is rounded to halves, and so the truth has to be of that.
    const halves = await measure({ table: 'app.halves', metric: 'l2', queries: path })
    expect(bestOf(halves.rows, 'pgvector-exact')).toBe(1)
    const bits = { table: 'app."Signs"', id: 'Key', queries: path }
    await expect(measure(bits)).rejects.toMatchObject({ message: expect.stringContaining('zeros and ones') })
    await expect(measure({ table: 'app.halves', queries: join(folder, 'none.fvecs') })).rejects.toMatchObject(
      {
        code: 'ERR_INVALID_ARGUMENT',
      },
    )
  })

  it('says of an index that the planner does not use why it is not measured', async () => {
    const { result } = await runTableBench(requestOf({ table: 'app.both' }), { progress: silent, signal })
    const used = result.paths.filter(({ status }) => status === 'ok').map(({ id }) => id)
    expect(used).toEqual(expect.arrayContaining(['as-is', 'pgvector-exact', 'extension-exact']))
    // One of the two indexes is dearer, at one step of its knob at least.
    const reasons = result.paths.flatMap((row) => (row.status === 'failed' ? [row.reason] : []))
    expect([...reasons, ...result.warnings].join('\n')).toMatch(/[Oo]f two indexes it takes/)
    expect(result.warnings).toContainEqual(
      expect.stringMatching(/both_halves is not measured: it is over an expression/),
    )
  })

  it('warns of rows that were written meanwhile', async () => {
    await client.query('CREATE TABLE app.busy AS SELECT * FROM app.large')
    await client.query('GRANT SELECT ON app.busy TO reader')
    let written: Promise<unknown> | undefined
    const step = (what: string) => {
      if (what !== 'Measuring') return
      written ??= client.query(
        'DELETE FROM app.busy WHERE id = 5000000007; SELECT pg_stat_force_next_flush()',
      )
    }
    const request = requestOf({ table: 'app.busy' })
    const { result } = await runTableBench(request, { progress: { note: () => undefined, step }, signal })
    await written
    await client.query('DROP TABLE app.busy')
    expect(result.warnings).toContainEqual(expect.stringMatching(/^Rows of app\.busy were written .*replica/))
  })

  it.each([
    ['no such table', { table: 'app.none' }, /--table/, /with its schema/],
    ['no name', { table: 'app.' }, /--table/, /./],
    ['no such id', { table: 'app.items', id: 'key' }, /columns id \(int4\), category \(int4\) for --id/, /./],
    ['no vector', { table: 'app.items', vector: 'category' }, /embedding \(vector\) for --vector/, /./],
    [
      'ids that repeat',
      { table: 'app.items', id: 'category' },
      /100 values in 2000 rows/,
      /value of its own/,
    ],
    [
      'a view that has each row twice',
      { table: 'app.twice' },
      /2000 values in 4000 rows/,
      /value of its own/,
    ],
    [
      'a condition that is no SQL',
      { table: 'app.items', where: 'colour = 1' },
      /"?colour"? does not exist/,
      /./,
    ],
    ['too few rows', { table: 'app.items', where: 'id < 4' }, /has 3 rows .* fewer than the k = 5/, /--k/],
    [
      'a condition that is two statements',
      { table: 'app.items', where: 'true); COMMIT; CREATE TEMP TABLE t (); --' },
      /--where/,
      /./,
    ],
    [
      'a condition that writes',
      { table: 'app.items', where: "(SELECT setval('app.counter', 9)) > 0" },
      /--where/,
      /./,
    ],
  ])('refuses %s', async (_what, request, message, hint) => {
    await expect(measure(request)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
  })

  it('names the right that a role lacks', async () => {
    await expect(measure({ table: 'app.secret' })).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringContaining('GRANT SELECT'),
    })
  })

  it('has left nothing behind, and changed nothing', async () => {
    expect(await readState()).toEqual(before)
  })
})
