// Search in PostgreSQL with `pg` and `pgvector`, npm's packages for the driver and its types:
//   DATABASE_URL=postgres://user:password@host/database
// The extensions vector and simdgres have to be installed on the server; the image of `simdgres up` has both.
import pg from 'pg'
import { registerTypes, toSql } from 'pgvector/pg'

const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
await client.connect()
try {
  await client.query('CREATE EXTENSION IF NOT EXISTS simdgres CASCADE')
  // From here on, vectors come back as arrays of numbers.
  await registerTypes(client)

  await client.query('CREATE TEMPORARY TABLE items (id int PRIMARY KEY, embedding vector(3) NOT NULL)')
  for (const [id, embedding] of [
    [1, [1, 0, 0]],
    [2, [0, 1, 0]],
    [3, [0.9, 0.1, 0]],
  ] as const) {
    await client.query('INSERT INTO items VALUES ($1, $2)', [id, toSql(embedding)])
  }

  // The same types and results as with `embedding <=> $1`; the function computes them faster.
  const { rows } = await client.query(
    'SELECT id, embedding, simd_cosine_distance(embedding, $1) AS distance FROM items ORDER BY distance LIMIT 2',
    [toSql([1, 0, 0])],
  )
  for (const { id, embedding, distance } of rows) {
    console.log(`item ${id} [${embedding.join(', ')}] at ${distance.toFixed(3)}`)
  }
} finally {
  await client.end()
}
