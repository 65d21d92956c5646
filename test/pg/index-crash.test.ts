import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type TestServer } from './server.js'
import { compareStatement, createItems, insertRows, type TableCase } from './support/index-statements.js'
import { Random } from './support/random.js'

const rounds = Number(process.env['SIMDGRES_INDEX_CRASHES'] ?? 4)
const table: TableCase = { operator: '<->', dims: 24, rows: 3000, shape: 'decaying' }

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  server.client.on('error', () => undefined) // it dies with the server
})
afterAll(() => server?.stop())

async function connect(): Promise<pg.Client> {
  for (;;) {
    const client = new pg.Client({ ...server.connection })
    client.on('error', () => undefined) // the server takes its sessions with it
    try {
      await client.connect()
      return client
    } catch {
      await sleep(50)
    }
  }
}

/** What is going on in the index when the server dies. */
const works: readonly ((client: pg.Client, random: Random) => Promise<unknown>)[] = [
  (client, random) => insertRows(client, random, table, 400),
  async (client, random) => {
    await client.query(`DELETE FROM items WHERE id % ${7 + random.integer(9)} = 0`)
    await client.query('VACUUM items')
    await insertRows(client, random, table, 200) // into the slots of those rows
  },
  async (client) => {
    await client.query('CREATE INDEX again ON items USING simdgres (e vector_l2_ops)')
    await client.query('DROP INDEX again')
  },
  async (client, random) => {
    await client.query('TRUNCATE items')
    await insertRows(client, random, table, 3500)
  },
]

test(`after ${rounds} deaths of the server the index has what the table has`, async () => {
  const random = new Random(7)
  let main = await connect()
  await createItems(main, random, table)
  for (let round = 0; round < rounds; round++) {
    const worker = await connect()
    const { rows: pids } = await worker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const work = works[round % works.length]!
    let isDead = false
    const working = (async () => {
      while (!isDead) await work(worker, random)
    })().catch(() => undefined)
    await sleep(30 + random.integer(400))
    isDead = true
    // A backend that dies takes all others and the shared memory with it; the server recovers from its log.
    process.kill(pids[0]!.pid, 'SIGKILL')
    await working
    await main.end().catch(() => undefined)
    await sleep(200)
    main = await connect()
    await expectSameRows(main)
    for (let i = 0; i < 5; i++) await compareStatement(main, random, table)
    const { rows } = await main.query(
      "SELECT simdgres_index_check('items_e') >= count(*) AS is_whole FROM items",
    )
    expect(rows).toEqual([{ is_whole: true }])
  }
  await main.end()
})

async function expectSameRows(client: pg.Client): Promise<void> {
  const all = `SELECT id FROM items ORDER BY e <-> '${JSON.stringify(Array(table.dims).fill(0))}'`
  await client.query('SET enable_seqscan = off')
  const { rows: found } = await client.query<{ id: number }>(all)
  await client.query('RESET enable_seqscan')
  const { rows: expected } = await client.query<{ id: number }>('SELECT id FROM items')
  const sorted = (rows: readonly { id: number }[]) => rows.map(({ id }) => id).sort((a, b) => a - b)
  expect(sorted(found)).toEqual(sorted(expected))
}
