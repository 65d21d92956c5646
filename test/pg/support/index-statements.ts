import type pg from 'pg'
import { expect } from 'vitest'
import { makeQuery, makeRow, type Shape } from './index-data.js'
import type { Random } from './random.js'

export const operators = {
  '<->': 'l2_ops',
  '<=>': 'cosine_ops',
  '<#>': 'ip_ops',
} as const
export type Operator = keyof typeof operators

export interface TableCase {
  readonly type?: 'vector' | 'halfvec' // vector
  readonly operator: Operator
  readonly dims: number
  readonly shape: Shape
  readonly rows: number
}

interface Hit {
  readonly id: number
  readonly distance: number | null
}

const typeOf = ({ type = 'vector' }: TableCase) => type

/** The operator class of a table's index. */
const classOf = (table: TableCase) => `${typeOf(table)}_${operators[table.operator]}`

/** Fills `items (id, tag, e)` and indexes it. */
export async function createItems(
  client: pg.Client,
  random: Random,
  table: TableCase,
  kind: '' | 'TEMPORARY' | 'UNLOGGED' = '',
): Promise<void> {
  await client.query('DROP TABLE IF EXISTS items')
  await client.query(`CREATE ${kind} TABLE items (id serial, tag int, e ${typeOf(table)}(${table.dims}))`)
  await insertRows(client, random, table, table.rows)
  await client.query(`CREATE INDEX items_e ON items USING simdgres (e ${classOf(table)})`)
}

export async function insertRows(
  client: pg.Client,
  random: Random,
  table: TableCase,
  count: number,
): Promise<void> {
  for (let left = count; left > 0; left -= 500) {
    const vectors = Array.from({ length: Math.min(left, 500) }, () =>
      makeRow(random, table.shape, table.dims),
    )
    const tags = vectors.map(() => random.integer(1000))
    await client.query(`INSERT INTO items (tag, e) SELECT * FROM unnest($1::int[], $2::${typeOf(table)}[])`, [
      tags,
      vectors,
    ])
  }
}

/** Changes some rows, sometimes the index; resolves to what it did. */
export async function changeItems(client: pg.Client, random: Random, table: TableCase): Promise<string> {
  const change = random.pick(['insert', 'update', 'delete', 'vacuum', 'abort', 'reindex', 'concurrently'])
  const some = `id % ${5 + random.integer(20)} = 0`
  switch (change) {
    case 'insert':
      await insertRows(client, random, table, 1 + random.integer(300))
      break
    case 'update':
      await client.query(`UPDATE items SET e = $1 WHERE ${some}`, [makeRow(random, table.shape, table.dims)])
      break
    case 'delete':
      await client.query(`DELETE FROM items WHERE ${some}`)
      break
    case 'vacuum':
      await client.query('VACUUM items')
      break
    case 'abort':
      await client.query('BEGIN')
      await insertRows(client, random, table, 1 + random.integer(50))
      await client.query('ROLLBACK')
      break
    case 'reindex':
      await client.query('REINDEX INDEX items_e')
      break
    case 'concurrently':
      await client.query('REINDEX INDEX CONCURRENTLY items_e')
      break
  }
  return change
}

/** One statement, by the index and by a sequential scan: the same distances in the same order, and the same rows for them. */
export async function compareStatement(client: pg.Client, random: Random, table: TableCase): Promise<void> {
  const query = makeQuery(
    random,
    table.shape,
    table.dims,
    typeOf(table) === 'halfvec' ? 'mixedHalves' : 'mixed',
  )
  const limit = random.pick([
    'LIMIT 1',
    'LIMIT 10',
    'LIMIT 10',
    'LIMIT 100',
    'LIMIT 7 OFFSET 5',
    'LIMIT 300',
    '',
  ])
  const filter = random.pick([
    '',
    '',
    'WHERE tag < 500',
    'WHERE tag < 10',
    'WHERE tag = 0',
    'WHERE e IS NOT NULL',
  ])
  const order = `e ${table.operator} $1::${typeOf(table)}`
  const joined = `SELECT b.id, b.distance FROM generate_series(1, 2) a, LATERAL (SELECT id, ${order} AS distance
    FROM items WHERE tag % 2 = a % 2 ORDER BY ${order} LIMIT 20) b ORDER BY b.distance`
  const plain = `SELECT id, ${order} AS distance FROM items ${filter} ORDER BY ${order} ${limit}`
  const text = random.pick([plain, plain, plain.replace(' LIMIT', ', id LIMIT'), joined])
  const found = await runWith(client, text, [query], 'enable_seqscan')
  const expected = await runWith(client, text, [query], 'enable_indexscan')
  const what = `${JSON.stringify(table)} ${text} ${query?.slice(0, 200)}`
  expect(
    found.map(({ distance }) => distance),
    what,
  ).toEqual(expected.map(({ distance }) => distance))
  expect(new Set(found.map(({ id }) => id)).size, what).toBe(found.length)
  // Two limits: of the rows that share a distance with the last one of either, others may be kept.
  if (text === joined) return
  // Of the rows that share the last distance, a limit may keep others, and an offset of those that share the first.
  const cut = [expected.at(-1)?.distance, ...(text.includes('OFFSET') ? [expected[0]?.distance] : [])]
  const ids = (hits: readonly Hit[]) =>
    hits.filter(({ distance }) => !cut.includes(distance)).map(({ id, distance }) => `${distance} ${id}`)
  expect(ids(found).sort(), what).toEqual(ids(expected).sort())
}

/** A search by radius, by the index and as a filter over a sequential scan: the same rows. */
export async function compareRadius(client: pg.Client, random: Random, table: TableCase): Promise<void> {
  const kind = typeOf(table)
  const own = kind === 'halfvec' ? 'mixedHalves' : 'mixed'
  const query = makeQuery(random, table.shape, table.dims, own)
  const other = makeQuery(random, table.shape, table.dims, own)
  const distance = `e ${table.operator} $1::${kind}`
  const distances = await runWith(
    client,
    `SELECT id, ${distance} AS distance FROM items WHERE e IS NOT NULL ORDER BY 2`,
    [query],
    'enable_indexscan',
  )
  // The distance of a row is a radius that this row is not within.
  const ownRadius = distances[Math.min(random.pick([0, 1, 20, 500]), distances.length - 1)]?.distance ?? null
  const radius = random.pick([ownRadius, ownRadius, ownRadius, 0, -1, 'NaN', 'Infinity', null])
  const within = (centre: string) => `e <${table.operator}> sphere(${centre}::${kind}, $2::float8)`
  const near = (centre: string) => `e ${table.operator} ${centre}::${kind} < $2::float8`
  const order = `SELECT id, ${distance} AS distance FROM items WHERE`
  const forms: readonly ((is: (centre: string) => string) => string)[] = [
    (is) => `${order} ${is('$1')}`,
    (is) => `${order} ${is('$1')} AND tag < 500`,
    (is) => `${order} ${is('$1')} ORDER BY 2, id LIMIT 20`,
    (is) => `${order} ${is('$1')} AND ${is('$3')} ORDER BY 2, id`,
    (is) => `${order} ${is('$3')} ORDER BY 2, id LIMIT 20`,
  ]
  const form = random.pick(forms)
  // All three are of a known type in every form.
  const typed = (text: string) =>
    `${text.replace('WHERE', `WHERE ($3::${kind} IS NULL OR true) AND ($2::float8 IS NULL OR true) AND`)}`
  const found = await runWith(client, typed(form(within)), [query, radius, other], 'enable_seqscan')
  const expected = await runWith(client, typed(form(near)), [query, radius, other], 'enable_indexscan')
  const sorted = (hits: readonly Hit[]) => hits.map(({ id }) => id).sort((a, b) => a - b)
  expect(sorted(found), `${JSON.stringify(table)} ${form(within)} ${radius} ${query?.slice(0, 200)}`).toEqual(
    sorted(expected),
  )
}

/** The statement under a plan without `disabled`. */
async function runWith(
  client: pg.Client,
  text: string,
  values: readonly (string | number | null)[],
  disabled: 'enable_seqscan' | 'enable_indexscan',
): Promise<readonly Hit[]> {
  await client.query(`SET ${disabled} = off`)
  const { rows } = await client.query<Hit>(text, [...values])
  await client.query(`RESET ${disabled}`)
  // To PostgreSQL 0 and -0 are equal.
  return rows.map(({ id, distance }) => ({ id, distance: distance === 0 ? 0 : distance }))
}
