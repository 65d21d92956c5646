import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Progress, silent } from '#src/progress.js'
import { applyPlan, planShards, type ShardRequest } from '#src/shard/apply.js'
import { printPlan } from '#src/shard/plan.js'
import { searchAll } from '#src/shard/search.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { startServer, type TestServer } from './server.js'

/** A longer run is asked for in the environment. */
const queries = Number(process.env['SIMDGRES_SHARD_QUERIES'] ?? 200)
const rows = 2000
const { signal } = new AbortController()
const control = { progress: silent, signal }
let first: TestServer
let second: TestServer
let head: pg.Client
let shardClients: pg.Client[]

const urlOf = ({ user, password, host, port }: ConnectionInfo, database: string) =>
  `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}?sslmode=disable`

async function connect({ connection }: TestServer, database: string): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, database })
  // The server of shard 2 is stopped under it.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** A small grid, so that many rows are at the same distance. */
const vectors = `ARRAY[i % 7, (i / 7) % 5, (i * 31) % 11]::real[]::vector(3)`

beforeAll(async () => {
  ;[first, second] = await Promise.all([startServer(), startServer()])
  for (const name of ['head', 'one', 'Two"s'])
    await first.client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
  head = await connect(first, 'head')
  shardClients = [await connect(first, 'one'), await connect(second, second.connection.database)]
  await head.query(`CREATE EXTENSION vector; CREATE EXTENSION simdgres; CREATE SCHEMA "My app";
    CREATE TABLE "My app"."It'ems" (id int PRIMARY KEY, embedding vector(3) NOT NULL, tag text, at timestamptz, score float8);
    INSERT INTO "My app"."It'ems" SELECT i, ${vectors}, CASE WHEN i % 3 > 0 THEN 'a "b", \\ {' || i % 3 END, now() + i * interval '1 s', i / 7.0
      FROM generate_series(-999, ${rows - 1000}) AS i;
    CREATE INDEX ON "My app"."It'ems" USING simdgres (embedding vector_l2_ops)`)
})

afterAll(async () => {
  for (const client of [head, ...(shardClients ?? [])]) await client?.end().catch(() => undefined)
  await first?.stop()
  await second?.stop().catch(() => undefined)
})

const request = (changes: Partial<ShardRequest> = {}): ShardRequest => ({
  url: urlOf(first.connection, 'head'),
  shards: `${urlOf(first.connection, 'one')},${urlOf(second.connection, second.connection.database)}`,
  ...{ table: `"My app"."It'ems"`, id: 'id', vector: 'embedding', metric: 'l2', partial: true, batch: 100 },
  ...changes,
})

const source = `"My app"."It'ems"`
const room = `"It'ems_shards"`

async function apply(changes: Partial<ShardRequest> = {}, under = control): Promise<number[]> {
  const asked = request(changes)
  return applyPlan(asked.url, await planShards(asked, control), under)
}

/** Rows of all shards as text, sorted by id; a row that is there twice is there twice. */
async function readShards(): Promise<string[]> {
  const found = []
  for (const client of shardClients) {
    const { rows } = await client.query<{ id: number; row: string }>(
      `SELECT id, t::text AS row FROM ${source} AS t`,
    )
    found.push(...rows)
  }
  return found.sort((a, b) => a.id - b.id).map(({ row }) => row)
}

async function readSourceRows(): Promise<string[]> {
  const { rows } = await head.query<{ row: string }>(`SELECT t::text AS row FROM ${source} AS t ORDER BY id`)
  return rows.map(({ row }) => row)
}

test('a plan changes nothing and shows no password', async () => {
  const asked = request({ shards: request().shards.replaceAll(/:[^:@/]*@/g, ':se%27cret@') })
  const text = printPlan(await planShards(asked, control))
  expect(text).not.toMatch(/se'+cret|se%27cret/)
  expect(text).toContain('CREATE USER MAPPING')
  const { rows } = await head.query("SELECT FROM pg_extension WHERE extname = 'postgres_fdw'")
  expect(rows).toEqual([])
})

test('a database that is named twice is refused', async () => {
  const [one] = request().shards.split(',')
  await expect(apply({ shards: `${one},${one}` })).rejects.toThrow(
    'shard 2 is in use by another apply, or is named twice',
  )
  await expect(apply({ shards: `${one},${request().url}` })).rejects.toThrow('is named twice')
})

test('an apply that is stopped at any batch goes on, and loses or doubles no row', async () => {
  for (const stopAfter of [1, 2, 4, 3]) {
    const stop = new AbortController()
    let steps = 0
    const progress: Progress = { ...silent, step: () => ++steps === stopAfter && stop.abort() }
    await expect(apply({}, { progress, signal: stop.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  }
  // And in the middle of a transaction, by the server.
  const [, on] = shardClients
  const progress: Progress = {
    ...silent,
    step: (label) =>
      label === 'Rows of shard 2' &&
      on!.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%It''ems%'",
      ),
  }
  await expect(apply({ batch: 7 }, { progress, signal })).rejects.toMatchObject({
    code: 'ERR_LOST_CONNECTION',
  })
  await apply()
  await head.query("SET TimeZone = 'UTC'")
  for (const client of shardClients) await client.query("SET TimeZone = 'UTC'")
  expect(await readShards()).toEqual(await readSourceRows())
  expect(await apply()).toEqual([0, 0])
})

test('new rows, below the last id as well, are all that the next apply copies', async () => {
  await head.query(`INSERT INTO ${source} SELECT i, ${vectors} FROM generate_series(-1500, -1490) AS i`)
  await head.query(`INSERT INTO ${source} SELECT i, ${vectors} FROM generate_series(1500, 1520) AS i`)
  const moved = await apply()
  expect(moved[0]! + moved[1]!).toBe(32)
  expect(await readShards()).toEqual(await readSourceRows())
})

test('each shard has the index of the source', async () => {
  for (const client of shardClients) {
    const { rows } = await client.query(
      "SELECT indexdef FROM pg_indexes WHERE indexname LIKE '%_shard_vectors'",
    )
    expect(rows[0].indexdef).toContain('USING simdgres (embedding)')
  }
})

describe('a search over the shards', () => {
  const where = 'score > 20'
  const nearest = async (statement: string, query: string, k: number) =>
    (await head.query(statement, [query, k])).rows

  test('finds ids and distances of one node, ties and filters included', async () => {
    await apply({ where, name: 'search_some' })
    for (let i = 0; i < queries; i++) {
      const query = `[${i % 8}, ${(i * 3) % 6}.5, ${(i * 7) % 12}]`
      const k = [1, 10, 100][i % 3]!
      const [name, condition] = i % 2 ? ['search_some', where] : [`"search_It'ems"`, 'true']
      const expected = await nearest(
        `SELECT id, embedding <-> $1 AS distance FROM ${source} WHERE ${condition} ORDER BY embedding <-> $1, id LIMIT $2`,
        query,
        k,
      )
      expect(await nearest(`SELECT * FROM ${room}.${name}($1, $2)`, query, k)).toEqual(expected)
      expect(expected).toHaveLength(k)
    }
  })

  test('sends filter, order and LIMIT to the shards, which are asked at once', async () => {
    const asked = request({ where })
    const plan = await planShards(asked, control)
    await head.query(`SET plan_cache_mode = force_custom_plan;
      PREPARE nearest (vector, int) AS ${searchAll(plan.source, 2, asked, '$1', '$2')}`)
    const { rows } = await head.query<{ 'QUERY PLAN': string }>(
      "EXPLAIN (VERBOSE, COSTS OFF) EXECUTE nearest ('[1,2,3]', 10)",
    )
    await head.query('RESET plan_cache_mode; DEALLOCATE nearest')
    const lines = rows.map((row) => row['QUERY PLAN'])
    const remote = lines.filter((line) => line.includes('Remote SQL'))
    expect(remote).toHaveLength(2)
    for (const line of remote) expect(line).toMatch(/WHERE .*score > .* ORDER BY .*<->.*, id ASC .*LIMIT 10/)
    expect(lines.filter((line) => line.includes('Async Foreign Scan'))).toHaveLength(2)
  })
})

test.each([
  ['a; DROP TABLE x', 'a condition on the rows'],
  ['true) UNION SELECT (1', 'a condition on the rows'],
  ['nothing = 1', 'does not exist'],
])('the filter %s is refused', async (where, message) => {
  await expect(planShards(request({ where }), control)).rejects.toThrow(message)
})

test('a row that was changed at the source is named as a difference, and not overwritten', async () => {
  await head.query(`UPDATE ${source} SET tag = 'other' WHERE id = 5`)
  await expect(apply()).rejects.toMatchObject({ code: 'ERR_CHECK_FAILED' })
  await head.query(`UPDATE ${source} SET tag = 'a "b", \\ {2' WHERE id = 5`)
  expect(await apply()).toEqual([0, 0])
})

test('other shards than those of the first apply are refused', async () => {
  const swapped = request().shards.split(',').reverse().join(',')
  await expect(apply({ shards: swapped })).rejects.toThrow('was loaded as another one')
  const third = urlOf(first.connection, encodeURIComponent('Two"s'))
  await expect(apply({ shards: `${request().shards},${third}` })).rejects.toThrow('was loaded as another one')
})

test('a shard that is away is named; the partial search answers and says so', async () => {
  const call = (name: string) => head.query(`SELECT * FROM ${room}."${name}"('[1,2,3]', 10)`)
  const whole = (await call("search_It'ems")).rows
  const partly = await call("search_It'ems_partial")
  expect(partly.rows).toEqual(whole.map((row) => ({ ...row, away: [] })))
  await second.stop()
  await expect(call("search_It'ems")).rejects.toMatchObject({
    message: expect.stringContaining("It'ems_shard_2"),
    hint: expect.stringContaining("search_It'ems_partial"),
  })
  const notices: string[] = []
  head.on('notice', ({ message }) => notices.push(message ?? ''))
  const { rows } = await call("search_It'ems_partial")
  const { rows: left } = await shardClients[0]!.query(
    `SELECT id FROM ${source} ORDER BY embedding <-> '[1,2,3]', id LIMIT 10`,
  )
  expect(rows.map(({ id }) => id)).toEqual(left.map(({ id }) => id))
  expect(rows[0].away).toEqual(["It'ems_shard_2"])
  expect(notices.join()).toContain("shard It'ems_shard_2 is away")
  await expect(apply()).rejects.toMatchObject({
    message: expect.stringMatching(/^Shard 2 \(/),
    hint: expect.stringContaining('run the same apply again'),
  })
})
