import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runAdvise } from '#src/advise/run.js'
import { silent } from '#src/progress.js'
import type { AdviceResult } from '#src/result/advice.js'
import { type PlainServer, startPlainServer } from './support/plain-server.js'

const { signal } = new AbortController()
let server: PlainServer
let admin: pg.Client
let owner: pg.Client

/** Makes itself a superuser as soon as one runs it in a session that can be written in. */
const trap = `BEGIN
    PERFORM set_config('default_transaction_read_only', 'off', false);
    IF current_setting('transaction_read_only') = 'off' AND current_setting('is_superuser') = 'on' THEN
      EXECUTE 'ALTER ROLE owner SUPERUSER';
    END IF;`

beforeAll(async () => {
  server = await startPlainServer(signal)
  admin = await connect({})
  await admin.query(`CREATE EXTENSION IF NOT EXISTS vector;
    CREATE ROLE owner LOGIN PASSWORD 'of-owner';
    CREATE ROLE member LOGIN PASSWORD 'of-member' IN ROLE owner;
    CREATE SCHEMA app AUTHORIZATION owner;
    ALTER DATABASE simdgres SET track_functions = 'pl';
    ALTER DATABASE simdgres SET hnsw.ef_search = 200`)
  owner = await connect({ user: 'owner', password: 'of-owner' })
  await owner.query(`SET search_path = app, public;
    CREATE FUNCTION passes(id int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ ${trap} RETURN true; END $$;
    CREATE FUNCTION same(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$ ${trap} RETURN v; END $$;
    CREATE FUNCTION follows(a int, b int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ ${trap} RETURN a > b; END $$;
    CREATE OPERATOR >>> (LEFTARG = int, RIGHTARG = int, FUNCTION = follows);
    CREATE DOMAIN kept AS int CHECK (passes(value))`)
})
afterAll(async () => {
  await owner?.end()
  await admin?.end()
  await server?.stop()
})

async function connect(as: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...server.connection, ...as })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** A table of the owner's, with an index that anybody may search. */
async function makeItems(further: string): Promise<void> {
  await owner.query(`DROP TABLE IF EXISTS items CASCADE; CREATE TABLE items (id int PRIMARY KEY, embedding vector(8));
    SELECT setseed(0.5);
    INSERT INTO items SELECT i, ARRAY(SELECT random() FROM generate_series(1, 8) WHERE i > 0)::vector FROM generate_series(1, 500) AS i;
    CREATE INDEX items_l2 ON items USING hnsw (embedding vector_l2_ops); ANALYZE items; ${further}`)
  await owner.query('SELECT pg_stat_force_next_flush()')
}

function adviseAs({ user, password } = server.connection): Promise<AdviceResult> {
  const { host, port, database } = server.connection
  const url = `postgres://${user}:${encodeURIComponent(password ?? '')}@${host}:${port}/${database}`
  const request = { url, queries: [], table: 'app.items', recall: 0.9, k: 10, sample: 10, seed: 1 }
  return runAdvise(request, { progress: silent, signal })
}

/** Of functions of the database, by all sessions. */
async function countCalls(): Promise<number> {
  await admin.query('SELECT pg_stat_force_next_flush()')
  const { rows } = await admin.query(
    'SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_user_functions',
  )
  return rows[0].calls
}

describe.each([
  [
    'the condition of a partial index',
    'CREATE INDEX items_part ON items USING hnsw (embedding vector_l2_ops) WHERE passes(id)',
    /function .*passes\(integer\) of index app\.items_part/,
  ],
  [
    'the expression of an index',
    'CREATE INDEX items_same ON items USING hnsw ((same(embedding)::vector(8)) vector_cosine_ops)',
    /function .*same\(vector\) of index app\.items_same/,
  ],
  [
    'the function of an operator',
    'CREATE INDEX items_above ON items USING hnsw (embedding vector_l2_ops) WHERE id >>> 100',
    /operator .*>>>\(integer,integer\) of index app\.items_above/,
  ],
  [
    'the check of a domain',
    'CREATE INDEX items_kept ON items USING hnsw (embedding vector_l2_ops) WHERE id::kept > 100',
    /type .*kept of index app\.items_kept/,
  ],
  [
    'what planning computes of another index',
    'CREATE INDEX items_folded ON items (id) WHERE passes(1)',
    /function .*passes\(integer\) of index app\.items_folded/,
  ],
  [
    'what planning computes of statistics',
    'CREATE STATISTICS items_counted ON (id + passes(1)::int), id FROM items',
    /function .*passes\(integer\) of statistics object app\.items_counted/,
  ],
  [
    'an index of a table that inherits',
    'CREATE TABLE more () INHERITS (items); CREATE INDEX more_part ON more (id) WHERE passes(1)',
    /function .*passes\(integer\) of index app\.more_part/,
  ],
])('code of the owner in %s', (_what, further, code) => {
  it('does not run with the rights of a superuser or of a member, who are told what was not seen', async () => {
    await makeItems(further)
    for (const asker of [
      server.connection,
      { ...server.connection, user: 'member', password: 'of-member' },
    ]) {
      const before = await countCalls()
      const { unseen, indexes } = await adviseAs(asker)
      expect(await countCalls()).toBe(before)
      expect(indexes).toEqual([])
      const [line] = unseen.filter((one) => one.startsWith('Recall of app.items.embedding: '))
      expect(line).toMatch(code)
      expect(line).toContain('Ask as the owner of the table')
    }
    const { rows } = await admin.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'owner'")
    expect(rows).toEqual([{ rolsuper: false }])
  })

  it('is run for the owner, with the rights that it has anyway', async () => {
    await makeItems(further)
    const before = await countCalls()
    const { unseen, indexes } = await adviseAs({ ...server.connection, user: 'owner', password: 'of-owner' })
    expect(unseen.join('\n')).not.toContain('with the rights of this role')
    expect(indexes.length).toBeGreaterThan(0)
    await expect.poll(countCalls).toBeGreaterThan(before)
  })
})

it('a policy of the owner does not run for those whom it is for', async () => {
  await makeItems(
    `ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY passing ON items USING (passes(id))`,
  )
  await admin.query("CREATE ROLE reader LOGIN PASSWORD 'of-reader'")
  await owner.query('GRANT SELECT ON items TO reader; GRANT USAGE ON SCHEMA app TO reader')
  const { unseen } = await adviseAs({ ...server.connection, user: 'reader', password: 'of-reader' })
  expect(unseen).toContainEqual(expect.stringMatching(/passes\(integer\) of policy passing/))
  // Superusers are under no policy.
  expect((await adviseAs()).indexes).toHaveLength(1)
})

it('what the owner has put into an extension is not taken for a part of it', async () => {
  await makeItems('CREATE INDEX items_part ON items USING hnsw (embedding vector_l2_ops) WHERE passes(id)')
  await admin.query('ALTER EXTENSION vector ADD FUNCTION app.passes(int)')
  try {
    expect((await adviseAs()).unseen).toContainEqual(expect.stringMatching(/passes\(integer\) of index/))
  } finally {
    await admin.query('ALTER EXTENSION vector DROP FUNCTION app.passes(int)')
  }
})

it('expressions and conditions of PostgreSQL and pgvector alone are measured for a superuser', async () => {
  await makeItems(`ALTER TABLE items ADD kind text NOT NULL DEFAULT 'a'; CREATE TYPE mood AS ENUM ('glad', 'sad');
    ALTER TABLE items ADD mood mood NOT NULL DEFAULT 'sad';
    CREATE INDEX items_halves ON items USING hnsw ((embedding::halfvec(8)) halfvec_cosine_ops)
      WHERE lower(kind) = 'a' AND mood = 'sad' AND vector_norm(embedding) > 0;
    ANALYZE items`)
  const { unseen, indexes } = await adviseAs()
  expect(indexes.map(({ index }) => index)).toEqual(['app.items_halves', 'app.items_l2'])
  expect(unseen.filter((line) => line.startsWith('Recall'))).toEqual([])
})
