// Search results kept in Redis that are never older than the table:
//   DATABASE_URL=postgres://user:password@host/database REDIS_URL=redis://:password@host:6379
// Without Redis the results are the same, only slower.
import pg from 'pg'
import { toSql } from 'pgvector/pg'
import { CachedSearch, type SearchHits, type SearchRequest, TableVersions } from 'simdgres'

const table = 'cached_example'
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })

/** The search itself. What it depends on beside the query and k belongs into `settings` of the request. */
async function searchItems(query: Float32Array, { k }: SearchRequest): Promise<SearchHits> {
  const { rows } = await pool.query(
    `SELECT id, embedding <-> $1 AS distance FROM ${table} ORDER BY distance, id LIMIT $2`,
    [toSql([...query]), k],
  )
  return {
    ids: Uint32Array.from(rows, ({ id }) => id),
    distances: Float64Array.from(rows, ({ distance }) => distance),
  }
}

try {
  await pool.query('CREATE EXTENSION IF NOT EXISTS vector')
  await pool.query(`CREATE TABLE IF NOT EXISTS ${table} (id int PRIMARY KEY, embedding vector(2) NOT NULL)`)
  await pool.query(`INSERT INTO ${table} VALUES (1, '[0,0]'), (2, '[3,4]') ON CONFLICT DO NOTHING`)

  // A trigger notes each change of the table in the same transaction.
  const versions = new TableVersions(pool)
  await versions.install()
  await versions.watch(table)

  const redis = { url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' }
  const cached = await CachedSearch.open({ table, metric: 'l2', search: searchItems, versions, redis })
  const ask = async (label: string) => {
    const { ids, distances } = await cached.search(new Float32Array([0, 0]), { k: 2 })
    console.log(`${label}: ${[...ids].map((id, i) => `item ${id} at ${distances[i]}`).join(', ')}`)
  }
  try {
    await ask('first')
    await ask('again')
    // Committed before the next call, so it is in its result: nobody has to clear a cache.
    await pool.query(`INSERT INTO ${table} VALUES (3, '[1,0]')`)
    await ask('after an insert')
    const { hits, misses, bypassed } = cached.stats
    console.log(`hits ${hits}, misses ${misses}, without Redis ${bypassed}`)
  } finally {
    await cached.close()
  }
} finally {
  await pool.query(`DROP TABLE IF EXISTS ${table}`)
  await pool.end()
}
