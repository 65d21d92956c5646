import { open } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import { createItems, type TableCase } from './support/index-statements.js'
import { Random } from './support/random.js'

/** Of native/pg/index/page.h. */
const pageKinds = ['meta', 'model', 'directory', 'level 1', 'pointers', 'level 2', 'level 3', 'loose']
const pageBytes = 8192
/** The kind stands behind the server's page header. */
const kindOffset = 24
/** Before it the server keeps its position in the WAL and its checksum, which it changes and knows itself. */
const firstOffset = 10
const flipsPerKind = Number(process.env['SIMDGRES_INDEX_FLIPS'] ?? 4)

/** A table with an index of its own. */
interface Copy {
  readonly table: string
  readonly kind: string
}
interface Flip extends Copy {
  readonly block: number
  readonly offset: number
}

/** Its indexes have pages of all kinds. */
const table: TableCase = { operator: '<->', dims: 150, rows: 1100, shape: 'shifted' }
const random = new Random(Number(process.env['SIMDGRES_INDEX_SEED'] ?? 11))
const target = new LocalTarget({ progress: silent, signal: new AbortController().signal })
const copies: Copy[] = []
const flips: Flip[] = []
let client: pg.Client

beforeAll(async () => {
  client = new pg.Client({ ...(await target.deploy({})) })
  await client.connect()
  await createItems(client, random, table)
  for (const kind of pageKinds) {
    for (let i = 0; i < flipsPerKind; i++) copies.push({ table: `items_${copies.length}`, kind })
  }
  for (const { table } of copies) {
    await client.query(`CREATE TABLE ${table} AS TABLE items`)
    await client.query(`CREATE INDEX ${table}_e ON ${table} USING simdgres (e)`)
  }
  // Nothing is written when the server stops, so that it finds what is changed here.
  await client.query('CHECKPOINT')
  const { rows } = await client.query('SHOW data_directory')
  for (const copy of copies) flips.push(await flipByte(rows[0].data_directory, copy))
  await client.end()
  // As a server without checksums.
  const parameters = { ignore_checksum_failure: 'on' }
  client = new pg.Client({ ...(await target.reconfigure({ parameters })) })
  await client.connect()
})
afterAll(async () => {
  await client?.end()
  await target.stop()
})

/** Changes a byte of one of the pages of a kind. */
async function flipByte(folder: string, copy: Copy): Promise<Flip> {
  const { rows } = await client.query('SELECT pg_relation_filepath($1) AS path', [`${copy.table}_e`])
  const file = await open(join(folder, rows[0].path), 'r+')
  try {
    const bytes = await file.readFile()
    const number = pageKinds.indexOf(copy.kind) + 1
    const blocks = Array.from({ length: bytes.length / pageBytes }, (_, block) => block)
    const block = random.pick(
      blocks.filter((block) => bytes.readUInt16LE(block * pageBytes + kindOffset) === number),
    )
    // Every other one hits where headers and the first entries are.
    const room = random.integer(2) === 0 ? 128 : pageBytes
    const offset = firstOffset + random.integer(room - firstOffset)
    const at = block * pageBytes + offset
    await file.write(Uint8Array.of(bytes[at]! ^ (1 + random.integer(255))), 0, 1, at)
    return { ...copy, block, offset }
  } finally {
    await file.close()
  }
}

/** How a statement ends, without what it answers: a damaged index may say anything, but has to come to an end. */
async function attempt(statement: string): Promise<string> {
  try {
    await client.query(statement)
    return 'answered'
  } catch (error) {
    return (error as pg.DatabaseError).code ?? 'the connection is lost'
  }
}

/** What is wrong with an index. */
const check = (name: string): Promise<string> =>
  client.query(`SELECT simdgres_index_check('${name}')`).then(
    () => 'nothing',
    ({ code, message }: pg.DatabaseError) => `${code} ${message}`,
  )

/** Corrupted data or index, what `ORDER BY` says of bounds that are wrong, a row that is not there. */
const refusals = ['answered', 'XX000', 'XX001', 'XX002']

test(`each of ${flipsPerKind} flipped bytes in every kind of page is named, and ends no server`, async () => {
  await client.query("SET statement_timeout = '20s'")
  await client.query('SET enable_seqscan = off')
  const { rows: before } = await client.query('SELECT pg_postmaster_start_time(), pg_backend_pid()')
  for (const flip of flips) {
    const name = `${flip.table}_e`
    const what = JSON.stringify(flip)
    const isNamed = new RegExp(`^XX00[12] .*block ${flip.block} of`)
    expect(await check(name), what).toMatch(isNamed)
    const statements = [
      `SELECT id FROM ${flip.table} ORDER BY e <-> (SELECT e FROM items WHERE id = ${1 + random.integer(table.rows)}) LIMIT 20`,
      `SELECT id FROM ${flip.table} ORDER BY e <-> '${JSON.stringify(Array(table.dims).fill(0))}'`,
      `SELECT simdgres_index_info('${name}')`,
      `DELETE FROM ${flip.table} WHERE id % 3 = 0`,
      `VACUUM ${flip.table}`,
      `INSERT INTO ${flip.table} SELECT * FROM items WHERE id % 3 = 0`,
    ]
    for (const statement of statements) expect(refusals, what).toContain(await attempt(statement))
    // What was written to its pages since has not hidden it.
    expect(await check(name), what).toMatch(isNamed)
    expect(await attempt(`REINDEX INDEX ${name}`), what).toBe('answered')
    const { rows } = await client.query(`SELECT simdgres_index_check('${name}') > 0 AS is_whole`)
    expect(rows, what).toEqual([{ is_whole: true }])
  }
  const { rows: after } = await client.query('SELECT pg_postmaster_start_time(), pg_backend_pid()')
  expect(after).toEqual(before)
})
