import { randomBytes } from 'node:crypto'
import { createClient, RESP_TYPES } from '@redis/client'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { CachedSearch, type CachedSearchOptions } from '#src/cache/cached-search.js'
import type { RedisSettings } from '#src/cache/result-store.js'
import type { SearchHits } from '#src/cache/search-hits.js'
import { type Queryable, TableVersions } from '#src/cache/table-versions.js'
import { connectEngine } from '#src/engine/engine.js'
import { silent } from '#src/progress.js'
import { startDockerCache } from '#src/targets/docker/docker-cache.js'
import { DockerTarget } from '#src/targets/docker/docker-target.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { RedisProxy } from './redis-proxy.js'

const signal = new AbortController().signal
const options = { progress: silent, signal }
const engine = connectEngine()
const k = 5

await describeWithEngine('CachedSearch', () => {
  const target = new DockerTarget(options)
  let pool: pg.Pool
  let versions: TableVersions
  let server: Awaited<ReturnType<typeof startDockerCache>>
  let proxy: RedisProxy
  let redis: RedisSettings

  beforeAll(async () => {
    pool = new pg.Pool({ ...(await target.deploy({ memoryBytes: 512 * 1024 ** 2, cpus: 1 })), max: 8 })
    // Idle connections end with the server, after the last test.
    pool.on('error', () => undefined)
    server = await startDockerCache(options)
    proxy = await RedisProxy.open(Number(new URL(server.redis.url).port))
    const url = new URL(server.redis.url)
    url.port = String(proxy.port)
    redis = { ...server.redis, url: url.href }
    versions = new TableVersions(pool)
    await versions.install()
    await pool.query('CREATE EXTENSION IF NOT EXISTS vector')
  })
  afterAll(async () => {
    await proxy?.close()
    await server?.stop()
    await pool?.end()
    await target.stop()
  })
  beforeEach(async () => {
    await pool.query('DROP TABLE IF EXISTS items')
    await pool.query('CREATE TABLE items (id int PRIMARY KEY, embedding vector(3) NOT NULL)')
    await pool.query(
      `INSERT INTO items SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(0, 199) AS i`,
    )
    await versions.watch('items')
  })

  /** The search without a cache: what every answer is held against. */
  const searchIn =
    (database: Queryable) =>
    async (query: Float32Array, request: { readonly k: number }): Promise<SearchHits> => {
      const { rows } = await database.query<{ id: number; distance: number }>({
        text: 'SELECT id, embedding <-> $1::vector AS distance FROM items ORDER BY 2, 1 LIMIT $2',
        values: [JSON.stringify([...query]), request.k],
      })
      return {
        ids: Uint32Array.from(rows, ({ id }) => id),
        distances: Float64Array.from(rows, ({ distance }) => distance),
      }
    }

  const open = (changes: Partial<CachedSearchOptions> = {}): Promise<CachedSearch> =>
    CachedSearch.open({
      table: 'items',
      metric: 'l2',
      versions,
      redis,
      timeoutMs: 1000,
      search: searchIn(pool),
      ...changes,
    })

  const queries = Array.from({ length: 10 }, (_, i) => Float32Array.of(i * 17.3, 2, 1))

  /** Asks every query twice; both times the answer is what the table holds now. */
  const expectRight = async (cached: CachedSearch): Promise<void> => {
    for (const query of queries) {
      const truth = await searchIn(pool)(query, { k })
      expect(await cached.search(query, { k })).toStrictEqual(truth)
      expect(await cached.search(query, { k })).toStrictEqual(truth)
    }
  }

  /** Also where Redis has to be found first, and where results are still on their way to it. */
  const expectHits = async (cached: CachedSearch): Promise<void> => {
    const before = cached.stats.hits
    const askAgain = async (): Promise<number> => {
      await expectRight(cached)
      return cached.stats.hits
    }
    await expect.poll(askAgain, { timeout: 20_000 }).toBeGreaterThan(before)
  }

  const withClient = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    try {
      return await work(client)
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  }

  const connectRedis = async () => {
    const client = createClient({
      url: redis.url,
      socket: { tls: true, ca: redis.ca! },
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  test('answers from Redis what it was asked before, and only that', async () => {
    await using cached = disposable(await open())
    await expectRight(cached)
    await expectHits(cached)
    expect(cached.stats).toMatchObject({ bypassed: 0, rejected: 0, errors: 0 })
    // Another process with the same Redis.
    await using other = disposable(await open({ search: () => Promise.reject(new Error('was searched')) }))
    expect(await other.search(queries[0]!, { k })).toStrictEqual(await searchIn(pool)(queries[0]!, { k }))
    await expect(other.search(queries[0]!, { k: k + 1 })).rejects.toThrow('was searched')
    await expect(other.search(queries[0]!, { k, settings: { ef: 1 } })).rejects.toThrow('was searched')
  })

  test.each([
    ['INSERT', `INSERT INTO items VALUES (1000, '[17.3, 2, 1]')`],
    ['UPDATE', `UPDATE items SET embedding = '[17.3, 2, 1]' WHERE id = 199`],
    ['DELETE', 'DELETE FROM items WHERE id BETWEEN 10 AND 30'],
    ['TRUNCATE', 'TRUNCATE items'],
    [
      'MERGE',
      `MERGE INTO items USING (SELECT 17 AS id) AS new ON items.id = new.id WHEN MATCHED THEN DELETE`,
    ],
    [
      'a rewrite of the table',
      `ALTER TABLE items ALTER embedding TYPE vector(3) USING ('[1, 2, ' || id || ']')::vector`,
    ],
    [
      'a session without triggers',
      `SET session_replication_role = replica; DELETE FROM items WHERE id < 50; RESET session_replication_role`,
    ],
    [
      'triggers switched off and on again',
      'ALTER TABLE items DISABLE TRIGGER ALL; DELETE FROM items WHERE id < 50; ALTER TABLE items ENABLE TRIGGER ALL',
    ],
    [
      'triggers switched off and on again as they were',
      `ALTER TABLE items DISABLE TRIGGER simdgres_cache; DELETE FROM items WHERE id < 50;
       ALTER TABLE items ENABLE ALWAYS TRIGGER simdgres_cache`,
    ],
  ])('never serves what was right before %s', async (_what, statement) => {
    await using cached = disposable(await open())
    await expectRight(cached)
    await expectHits(cached)
    const before = await searchIn(pool)(queries[1]!, { k })
    await pool.query(statement)
    expect(await searchIn(pool)(queries[1]!, { k })).not.toStrictEqual(before)
    await expectRight(cached)
  })

  test('shows a change to its own transaction, to others when it is committed, and to nobody if it is not', async () => {
    await using cached = disposable(await open())
    await expectRight(cached)
    await expectHits(cached)
    await withClient(async (client) => {
      await using own = disposable(
        await open({ versions: new TableVersions(client), search: searchIn(client) }),
      )
      await client.query('BEGIN')
      await client.query(`INSERT INTO items VALUES (1000, '[17.3, 2, 1]')`)
      expect((await own.search(queries[1]!, { k })).ids[0]).toBe(1000)
      expect((await own.search(queries[1]!, { k })).ids[0]).toBe(1000)
      await expectRight(cached)
      await client.query('ROLLBACK')
      const { misses } = cached.stats
      await expectRight(cached)
      expect((await own.search(queries[1]!, { k })).ids[0]).not.toBe(1000)
      // What was stored before is still the truth, and still used.
      expect(cached.stats.misses).toBe(misses)

      await client.query(`BEGIN; INSERT INTO items VALUES (1000, '[17.3, 2, 1]')`)
      expect((await cached.search(queries[1]!, { k })).ids[0]).not.toBe(1000)
      await client.query('COMMIT')
      expect((await cached.search(queries[1]!, { k })).ids[0]).toBe(1000)
    })
  })

  test('does not keep a result that is newer than its version', async () => {
    let isFirst = true
    await using cached = disposable(
      await open({
        search: async (query, request) => {
          if (isFirst) await pool.query(`INSERT INTO items VALUES (1000, '[17.3, 2, 1]')`)
          isFirst = false
          return searchIn(pool)(query, request)
        },
      }),
    )
    // An older snapshot would have this version.
    const version = await withClient(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      const versionsThen = new TableVersions(client)
      const then = await versionsThen.read('items')
      await cached.search(queries[1]!, { k })
      expect(await versionsThen.read('items')).toStrictEqual(then)
      await using old = disposable(await open({ versions: versionsThen, search: searchIn(client) }))
      expect((await old.search(queries[1]!, { k })).ids).not.toContain(1000)
      return then
    })
    expect(await versions.read('items')).not.toStrictEqual(version)
    await expectRight(cached)
  })

  test('never goes back in time while others write', async () => {
    await using cached = disposable(await open())
    await pool.query(`UPDATE items SET embedding = '[0, 0, 0]' WHERE id = 0; DELETE FROM items WHERE id > 0`)
    let committed = 0
    let isWriting = true
    const write = async (): Promise<void> => {
      for (let value = 1; value <= 300; value++) {
        await pool.query('UPDATE items SET embedding = ARRAY[$1::int, 0, 0]::vector', [value])
        committed = value
      }
      isWriting = false
    }
    const read = async (): Promise<number> => {
      let count = 0
      for (; isWriting; count++) {
        const least = committed
        const { distances } = await cached.search(Float32Array.of(0, 0, 0), { k: 1 })
        expect(distances[0]).toBeGreaterThanOrEqual(least)
      }
      return count
    }
    const counts = await Promise.all([write(), read(), read(), read()])
    for (const count of counts.slice(1)) expect(count).toBeGreaterThan(0)
    await expectRight(cached)
  })

  test('does without Redis where it is off, and uses it when it comes', async () => {
    const other = await RedisProxy.open(1)
    const url = new URL(redis.url)
    url.port = String(other.port)
    await using cached = disposable(await open({ redis: { ...redis, url: url.href } }))
    await expectRight(cached)
    expect(cached.stats).toMatchObject({ hits: 0, misses: 0, bypassed: 2 * queries.length })
    expect(cached.stats.errors).toBeGreaterThan(0)
    other.targetPort = proxy.targetPort
    await expectHits(cached)
    await cached.close()
    await other.close()
  })

  test('is right while Redis is killed, gone and back again', async () => {
    await using cached = disposable(await open())
    await expectHits(cached)
    const container = engine.getContainer(server.name)
    const killing = container.kill()
    for (let round = 0; round < 20; round++) await expectRight(cached)
    await killing
    await container.wait()
    const { bypassed } = cached.stats
    await expectRight(cached)
    expect(cached.stats.bypassed).toBe(bypassed + 2 * queries.length)
    await pool.query('DELETE FROM items WHERE id < 50')
    await container.start()
    const { NetworkSettings } = await container.inspect()
    proxy.targetPort = Number(NetworkSettings.Ports['6379/tcp']![0]!.HostPort)
    await expectHits(cached)
  })

  test('waits for a Redis that hangs once, not in every search', async () => {
    await using cached = disposable(await open({ timeoutMs: 200 }))
    await expectHits(cached)
    const { errors, bypassed } = cached.stats
    proxy.isSilent = true
    try {
      await expectRight(cached)
    } finally {
      proxy.isSilent = false
    }
    const failed = cached.stats.errors - errors
    expect(failed).toBeGreaterThan(0)
    expect(cached.stats.bypassed - bypassed).toBeGreaterThan(failed)
    await expectRight(cached)
  })

  test('is right when Redis is emptied', async () => {
    await using cached = disposable(await open())
    await expectHits(cached)
    const client = await connectRedis()
    await client.flushDb()
    const { misses } = cached.stats
    await expectRight(cached)
    expect(cached.stats.misses).toBeGreaterThanOrEqual(misses + queries.length)
    client.destroy()
  })

  test('ignores what it did not write', async () => {
    await using cached = disposable(await open())
    await expectHits(cached)
    const client = await connectRedis()
    const names: string[] = []
    for await (const batch of client.scanIterator()) names.push(...batch.map(String))
    expect(names.length).toBeGreaterThanOrEqual(queries.length)
    const [first] = await Promise.all(names.map((name) => client.get(name)))
    const poisons = [randomBytes(100), Buffer.alloc(0), first!.subarray(0, -1), first!]
    for (const poison of poisons) {
      const { rejected } = cached.stats
      // The same value in every place: it is right for its own owner alone.
      for (const name of names) await client.set(name, poison)
      await expectRight(cached)
      expect(cached.stats.rejected).toBeGreaterThan(rejected)
    }
    for (const name of names) await client.del(name)
    for (const name of names) await client.lPush(name, 'another type')
    await expectRight(cached)
    client.destroy()
  })

  test('searches once for all who ask at the same time, and gives each arrays of its own', async () => {
    let count = 0
    await using cached = disposable(
      await open({
        search: async (query, request) => {
          count++
          return searchIn(pool)(query, request)
        },
      }),
    )
    const answers = await Promise.all(Array.from({ length: 50 }, () => cached.search(queries[3]!, { k })))
    const { hits, misses, shared } = cached.stats
    expect(count).toBe(misses)
    expect(hits + misses + shared).toBe(50)
    expect(shared).toBeGreaterThan(25)
    ;(answers[0]!.ids as Uint32Array).fill(0)
    expect(answers[1]).toStrictEqual(await searchIn(pool)(queries[3]!, { k }))
  })

  test('passes on what is wrong with the search, and goes on', async () => {
    let isBroken = true
    await using cached = disposable(
      await open({
        search: (query, request) =>
          isBroken ? Promise.reject(new Error('broken')) : searchIn(pool)(query, request),
      }),
    )
    await expect(cached.search(queries[4]!, { k })).rejects.toThrow('broken')
    isBroken = false
    await expectRight(cached)
  })

  test('sees changes of partitions, and does not cache where it could not', async () => {
    await pool.query(`DROP TABLE items;
      CREATE TABLE items (id int, embedding vector(3) NOT NULL) PARTITION BY RANGE (id);
      CREATE TABLE items_low PARTITION OF items FOR VALUES FROM (0) TO (100);
      INSERT INTO items SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(0, 99) AS i`)
    await versions.watch('items')
    await using cached = disposable(await open())
    await expectHits(cached)
    await pool.query('DELETE FROM items_low WHERE id < 20')
    await expectRight(cached)
    await expectHits(cached)
    await pool.query('CREATE TABLE items_high PARTITION OF items FOR VALUES FROM (100) TO (200)')
    await pool.query(`INSERT INTO items_high VALUES (150, '[17.3, 2, 1]')`)
    const { bypassed } = cached.stats
    await expectRight(cached)
    expect(cached.stats.bypassed).toBe(bypassed + 2 * queries.length)
    await versions.watch('items')
    await expectHits(cached)
    await pool.query('ALTER TABLE items DETACH PARTITION items_high')
    await expectRight(cached)
  })

  test('says what to do where nothing sees the changes', async () => {
    await versions.unwatch('items')
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringContaining('watch()'),
    })
    await expect(new TableVersions(pool, { schema: 'nowhere' }).watch('items')).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringContaining('install()'),
    })
    await versions.watch('items')
    await expect(open({ redis: { url: 'http://x' } })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('keeps a few rows for a table, however often it changes', async () => {
    const before = await versions.read('items')
    for (let i = 0; i < 3000; i++) await pool.query('UPDATE items SET id = id WHERE id = 5')
    const { rows } = await pool.query(
      `SELECT count(*)::int AS rows, sum(changes)::int AS changes FROM simdgres_cache.table_change
       WHERE relation = 'items'::regclass`,
    )
    expect(rows[0].changes).toBeGreaterThan(3000)
    // Folded once per 128 statements on average: 3000 without one happen once in 10^10 runs.
    expect(rows[0].rows).toBeLessThan(3000)
    expect(await versions.read('items')).not.toStrictEqual(before)
  })
})

function disposable(cached: CachedSearch): CachedSearch & AsyncDisposable {
  return Object.assign(cached, { [Symbol.asyncDispose]: () => cached.close() })
}
