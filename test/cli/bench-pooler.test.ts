import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { silent } from '#src/progress.js'
import { resultSchema } from '#src/result/schema.js'
import { findProgram } from '#src/system/program.js'
import { clientOptions } from '#src/targets/connection.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import { UrlTarget } from '#src/targets/url/url-target.js'
import { titleWith } from '../skip-reasons.js'
import { runCli } from './run-cli.js'
import { type PgBouncer, startPgBouncer } from './support/pgbouncer.js'

const problem = findProgram('pgbouncer') === undefined ? 'pgbouncer is not installed' : undefined
const { signal } = new AbortController()
const target = new LocalTarget({ progress: silent, signal })
let inOrder: PgBouncer
let inTurn: PgBouncer
let direct: pg.Client

const pools = [
  { name: 'transaction_1', mode: 'transaction', size: 1 },
  { name: 'transaction_20', mode: 'transaction', size: 20 },
  { name: 'statement_1', mode: 'statement', size: 1 },
  { name: 'statement_20', mode: 'statement', size: 20 },
  { name: 'session_3', mode: 'session', size: 3 },
  { name: 'session_20', mode: 'session', size: 20 },
] as const

beforeAll(async () => {
  if (problem !== undefined) return
  const connection = await target.deploy({ memoryBytes: 1 << 30 })
  direct = new pg.Client(clientOptions(connection))
  await direct.connect()
  inOrder = await startPgBouncer(connection, pools)
  inTurn = await startPgBouncer(connection, pools, { server_round_robin: '1' })
})
afterAll(async () => {
  await inOrder?.stop()
  await inTurn?.stop()
  await direct?.end()
  await target.stop()
})

const deploy = (url: string) => new UrlTarget({ progress: silent, signal, url }).deploy({})

/** Clients of an application, each of which asks again after a short while, so that connections of the pool change hands. */
async function keepBusy(bouncer: PgBouncer, pool: string): Promise<() => Promise<void>> {
  const stopping = new AbortController()
  const clients = await Promise.all(Array.from({ length: 6 }, () => bouncer.connect(pool)))
  const work = clients.map(async (client, i) => {
    while (!stopping.signal.aborted) {
      await client.query('SELECT pg_sleep($1)', [0.001 * (1 + i)])
      await sleep(i)
    }
    await client.end()
  })
  return async () => {
    stopping.abort()
    await Promise.all(work)
  }
}

describe.skipIf(problem)(titleWith(problem, 'a pooler between the run and its server'), () => {
  describe.each([
    ['transaction_1', 'two of its sessions have run in one server process'],
    ['transaction_20', '.* server process'],
    ['statement_1', 'two of its sessions have run in one server process'],
    ['statement_20', '.* server process'],
  ])('the pool %s is refused', (pool, observed) => {
    const refused = {
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(
        new RegExp(`^A transaction pooler answers at 127.0.0.1:\\d+: ${observed}`),
      ),
      hint: expect.stringContaining('Use the direct endpoint of the server, or a pooler in session mode'),
    }

    it('idle', async () => {
      await expect(deploy(inOrder.urlOf(pool))).rejects.toMatchObject(refused)
    })

    it('with connections that are taken in turn', async () => {
      const others = await Promise.all([1, 2, 3].map(() => inTurn.connect(pool)))
      // As many connections as the pool can have for them.
      await Promise.all(others.map((client) => client.query('SELECT pg_sleep(0.05)')))
      await expect(deploy(inTurn.urlOf(pool))).rejects.toMatchObject(refused)
      await Promise.all(others.map((client) => client.end()))
    })

    it.each([
      ['last used first', () => inOrder],
      ['in turn', () => inTurn],
    ])('while an application uses it, %s', async (_, bouncer) => {
      const stop = await keepBusy(bouncer(), pool)
      try {
        for (let i = 0; i < 5; i++) {
          await expect(deploy(bouncer().urlOf(pool))).rejects.toMatchObject(refused)
        }
      } finally {
        await stop()
      }
    })
  })

  test.each(['session_3', 'session_20'])('the pool %s, in session mode, is taken', async (pool) => {
    await expect(deploy(inOrder.urlOf(pool))).resolves.toMatchObject({ database: pool })
  })

  describe('an application that is connected through a pool', () => {
    const readState = async (client: pg.Client): Promise<unknown> => {
      const settings = await client.query(
        // Those of extensions appear when a session loads their library.
        "SELECT name, setting, source FROM pg_settings WHERE name NOT LIKE '%.%' ORDER BY name",
      )
      const path = await client.query('SELECT current_schemas(true)::text AS path, current_user AS name')
      const prepared = await client.query('SELECT name FROM pg_prepared_statements')
      const locks = await direct.query("SELECT pid, objid FROM pg_locks WHERE locktype = 'advisory'")
      const schemas = await direct.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'simdgres%'")
      return [settings.rows, path.rows, prepared.rows, locks.rows, schemas.rows]
    }
    const bench = (url: string) =>
      runCli([
        ...['bench', '--seconds', '0.3', '--dataset', 'synthetic-2000x16', '--queries', '50', '--json', '-'],
        ...['--paths', 'sql,pgvector-exact,pgvector-hnsw', '--url', url],
      ])

    it('in transaction mode has its settings, locks and search_path after bench was refused', async () => {
      const application = await inOrder.connect('transaction_1')
      const before = await readState(application)
      const { code, stdout, stderr } = await bench(inOrder.urlOf('transaction_1'))
      expect(await readState(application)).toEqual(before)
      expect(stderr).toMatch(/^error: A transaction pooler answers at /m)
      expect(stderr).toContain('next: Use the direct endpoint of the server')
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      await application.end()
    })

    it('has them as well after bench has run through a pool in session mode, and so has who comes next', async () => {
      const application = await inOrder.connect('transaction_1')
      const next = await inOrder.connect('session_20')
      const [before, clean] = [await readState(application), await readState(next)]
      await next.end()
      const { code, stdout } = await bench(inOrder.urlOf('session_20'))
      expect(code).toBe(0)
      expect(resultSchema.parse(JSON.parse(stdout)).paths.every(({ status }) => status === 'ok')).toBe(true)
      expect(await readState(application)).toEqual(before)
      const used = await Promise.all(Array.from({ length: 5 }, () => inOrder.connect('session_20')))
      for (const client of used) {
        expect(await readState(client)).toEqual(clean)
        await client.end()
      }
      await application.end()
    })
  })
})
