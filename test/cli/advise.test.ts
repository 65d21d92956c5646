import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readFacts } from '#src/advise/facts.js'
import { Explainer } from '#src/advise/query/explain.js'
import { judgeShape } from '#src/advise/query/shape.js'
import { type AdviseRequest, runAdvise } from '#src/advise/run.js'
import { ReadOnlyServer } from '#src/paths/own-table/read-only.js'
import { silent } from '#src/progress.js'
import type { AdviceFinding, AdviceResult } from '#src/result/advice.js'
import { adviceSchema } from '#src/result/advice-schema.js'
import { findProgram } from '#src/system/program.js'
import { titleWith } from '../skip-reasons.js'
import { runCli } from './run-cli.js'
import { startPgBouncer } from './support/pgbouncer.js'
import { startPlainContainer } from './support/plain-container.js'
import { type PlainServer, startPlainServer } from './support/plain-server.js'

const { signal } = new AbortController()
let server: PlainServer
let client: pg.Client
let folder: string

/** Groups of rows round 200 centres, whose common centre is not the origin: as embeddings are. */
const vectorsOf = (dims: number, from: number, to: number) =>
  `SELECT i AS id, (SELECT array_agg(0.3 * sin(j * 7.1) + 0.3 * sin(j * 3.1 + (i % 200) * j * 1.3) + 0.5 * random() - 0.25 ORDER BY j)
     FROM generate_series(1, ${dims}) AS j)::real[]::vector(${dims}) AS embedding FROM generate_series(${from}, ${to}) AS i`

const tables = `
  CREATE EXTENSION IF NOT EXISTS vector;
  SELECT setseed(0.5);
  CREATE SCHEMA app;
  SET search_path = app, public;
  CREATE TABLE items (id int PRIMARY KEY, embedding vector(32));
  INSERT INTO items ${vectorsOf(32, 1, 2000)};
  CREATE INDEX items_l2 ON items USING hnsw (embedding vector_l2_ops);
  CREATE INDEX items_cosine ON items USING hnsw (embedding vector_cosine_ops);
  CREATE TABLE listed (id bigint PRIMARY KEY, embedding vector(16));
  CREATE INDEX listed_ivfflat ON listed USING ivfflat (embedding vector_l2_ops) WITH (lists = 40);
  INSERT INTO listed ${vectorsOf(16, 1, 2000)};
  CREATE TABLE documents (id int PRIMARY KEY, embedding vector(1536));
  INSERT INTO documents ${vectorsOf(1536, 1, 600)};
  CREATE TABLE stale (id int PRIMARY KEY, embedding vector(8)) WITH (autovacuum_enabled = off);
  CREATE TABLE secret (id int PRIMARY KEY, embedding vector(8));
  INSERT INTO secret ${vectorsOf(8, 1, 1000)};
  CREATE INDEX secret_l2 ON secret USING hnsw (embedding vector_l2_ops);
  CREATE ROLE reader LOGIN PASSWORD 'of-reader';
  GRANT USAGE ON SCHEMA app TO reader;
  GRANT SELECT ON items, listed, documents, stale TO reader;
  ALTER DATABASE simdgres SET hnsw.ef_search = 1;
  ALTER DATABASE simdgres SET ivfflat.probes = 10;
  ALTER DATABASE simdgres SET search_path = app, public`

const vector = `'[${Array.from({ length: 32 }, (_, i) => (i % 5) - 2).join(',')}]'`
const ofShape = `SELECT id, 1 - (embedding <=> ${vector}) AS similarity FROM items ORDER BY similarity DESC LIMIT 10`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-advise-'))
  // Another version: SIMDGRES_TEST_PLAIN_IMAGE names an image of the postgres service.
  const image = process.env['SIMDGRES_TEST_PLAIN_IMAGE']
  server = image === undefined ? await startPlainServer(signal) : await startPlainContainer(image)
  client = await connect()
  await client.query(tables)
  await client.query('ANALYZE')
  await client.query(`INSERT INTO app.stale ${vectorsOf(8, 1, 500)}`)
  // Between its two halves it waits for a writer, and is stopped there.
  const writer = await connect()
  await writer.query('BEGIN; LOCK TABLE app.items IN ROW EXCLUSIVE MODE')
  await client.query("SET statement_timeout = '300ms'")
  await expect(
    client.query('CREATE INDEX CONCURRENTLY items_left ON app.items USING hnsw (embedding vector_l1_ops)'),
  ).rejects.toThrow('statement timeout')
  await writer.query('ROLLBACK')
  await writer.end()
  await client.query('RESET statement_timeout')
  await client.query("ALTER SYSTEM SET shared_buffers = '1MB'")
  await client.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
  await client.query("ALTER SYSTEM SET maintenance_work_mem = '1MB'")
  await restart()
  await client.query('CREATE EXTENSION pg_stat_statements')
})
afterAll(async () => {
  await client?.end()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function connect(): Promise<pg.Client> {
  const opened = new pg.Client({ ...server.connection })
  opened.on('error', () => undefined)
  await opened.connect()
  return opened
}

async function restart(): Promise<void> {
  await client.end()
  await server.restart()
  client = await connect()
}

function urlOf(user = server.connection.user, password = server.connection.password): string {
  const { host, port, database } = server.connection
  return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`
}

function ask(asked: Partial<AdviseRequest> = {}): Promise<AdviceResult> {
  const request = { url: urlOf(), queries: [], recall: 0.95, k: 10, sample: 40, seed: 1, ...asked }
  return runAdvise(request, { progress: silent, signal })
}

const codesOf = ({ findings }: AdviceResult) => [...new Set(findings.map(({ code }) => code))].sort()
const given = (text: string) => [{ text, source: '--query 1', isGiven: true }]

/** Parameters, the files of every table and index, and what was ever written to them. */
async function readState(): Promise<unknown> {
  await client.query('SELECT pg_stat_force_next_flush()')
  const { rows: files } = await client.query(
    'SELECT oid, relname, relfilenode, reloptions, pg_relation_size(oid) AS bytes FROM pg_class WHERE oid >= 16384 ORDER BY oid',
  )
  const { rows: writes } = await client.query(
    'SELECT relid, n_tup_ins, n_tup_upd, n_tup_del, last_analyze, last_vacuum FROM pg_stat_user_tables ORDER BY relid',
  )
  const { rows: settings } = await client.query(
    'SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting',
  )
  const { rows: schemas } = await client.query('SELECT nspname FROM pg_namespace ORDER BY oid')
  return { files, writes, settings, schemas }
}

const planted = [
  'index-invalid',
  'ivfflat-lists-unused',
  'maintenance-memory-below-build',
  'query-shape',
  'recall-below-target',
  'shared-buffers-below-index',
  'statistics-stale',
  'vectors-out-of-line',
]

describe('a database with eight faults', () => {
  it('has all of them named, with the places, to its owner', async () => {
    const before = await readState()
    const result = await ask({ queries: given(ofShape) })
    expect(codesOf(result)).toEqual(planted)
    const wheres = (code: string) =>
      result.findings.filter((one) => one.code === code).map(({ where }) => where)
    expect(wheres('index-invalid')).toEqual(['app.items_left on app.items'])
    expect(wheres('ivfflat-lists-unused')).toEqual(['app.listed_ivfflat'])
    expect(wheres('recall-below-target')).toEqual(['app.items_cosine', 'app.items_l2', 'app.secret_l2'])
    expect(wheres('statistics-stale')).toEqual(['app.stale'])
    expect(wheres('vectors-out-of-line')).toEqual(['app.documents.embedding'])
    expect(result.unseen).toEqual([])
    expect(await readState()).toEqual(before)
  })

  it('has them named to a role with SELECT alone, by the command line, which says what it has not seen', async () => {
    const before = await readState()
    const [json, markdown, queries] = ['advice.json', 'advice.md', 'queries.sql'].map((name) =>
      join(folder, name),
    )
    await writeFile(queries!, `-- what the application asks\n${ofShape};\n`)
    const { code, stdout, stderr } = await runCli(
      [
        ...['advise', '--url', urlOf('reader', '').replace('reader:', 'reader'), '--sample', '40'],
        ...['--query-file', queries!, '--json', json!, '--markdown', markdown!],
      ],
      { PGPASSWORD: 'of-reader' },
    )
    expect(stderr).not.toContain('error:')
    expect(code).toBe(10)
    const result = adviceSchema.parse(JSON.parse(await readFile(json!, 'utf8'))) as AdviceResult
    expect(codesOf(result)).toEqual(planted)
    expect(result.unseen).toEqual([
      expect.stringMatching(/^Recall of app\.secret\.embedding: .*GRANT SELECT/),
    ])
    expect(stdout).toContain('not seen: Recall of app.secret.embedding')
    for (const { statements } of result.findings.map(({ cure }) => cure)) {
      for (const statement of statements) expect(stdout).toContain(statement)
    }
    expect(await readFile(markdown!, 'utf8')).toContain('## critical: query-shape')
    expect(await readState()).toEqual(before)
  })
})

describe.each([
  ['the similarity', ofShape, /around the operator, .* DESC/],
  ['parameters', 'SELECT id FROM items ORDER BY 1 - (embedding <=> $1) DESC LIMIT $2', /around the operator/],
  [
    'a LIMIT outside',
    `SELECT s.id FROM (SELECT id FROM items ORDER BY embedding <-> ${vector}) s ORDER BY s.id LIMIT 10`,
    /stands outside of the sub-select/,
  ],
  ['no LIMIT', `SELECT id FROM items ORDER BY embedding <-> ${vector}`, /no LIMIT stands/],
  [
    'a cast',
    `SELECT id FROM items ORDER BY embedding::halfvec(32) <-> ${vector}::halfvec(32) LIMIT 10`,
    /the column is cast/,
  ],
  [
    'another operator',
    `SELECT id FROM items ORDER BY embedding <#> ${vector} LIMIT 10`,
    /no index of the column is for <#>/,
  ],
])('a query that no index answers, by %s', (_what, text, because) => {
  it('is told the reason, and the cure answers it by an index', async () => {
    const [finding] = await judge(text)
    expect(finding!.what).toMatch(because)
    const [cure] = finding!.cure.statements
    if (finding!.cure.kind === 'query') {
      expect(await judge(cure!)).toEqual([])
      return
    }
    await client.query(cure!)
    expect(await judge(text)).toEqual([])
    await client.query('DROP INDEX app.items_embedding_idx')
  })
})

it('a query has all reasons named that keep an index from it, whose cures together answer it', async () => {
  const text = `SELECT id FROM items ORDER BY 1 - (embedding <+> ${vector}) DESC LIMIT 10`
  const [shape, operator, ...others] = await judge(text)
  expect([shape!.what, operator!.what, ...others]).toEqual([
    expect.stringContaining('around the operator'),
    expect.stringContaining('no index of the column is for <+>'),
  ])
  await client.query(operator!.cure.statements[0]!)
  expect(await judge(shape!.cure.statements[0]!)).toEqual([])
  await client.query('DROP INDEX app.items_embedding_idx')
})

it('a query that lacks the expression or the condition of an index is told', async () => {
  await client.query(`CREATE TABLE app.plain (id int PRIMARY KEY, embedding vector);
    INSERT INTO app.plain ${vectorsOf(8, 1, 1000)}; ANALYZE app.plain;
    CREATE INDEX plain_l2 ON app.plain USING hnsw ((embedding::vector(8)) vector_l2_ops);
    CREATE INDEX plain_part ON app.plain USING hnsw ((embedding::halfvec(8)) halfvec_cosine_ops) WHERE id < 500`)
  const short = "'[1,2,3,4,5,6,7,8]'"
  const [finding] = await judge(`SELECT p.id FROM plain p ORDER BY p.embedding <-> ${short} LIMIT 3`)
  expect(finding!.what).toContain('app.plain_l2 is on the expression (embedding)::vector(8)')
  expect(await judge(finding!.cure.statements[0]!)).toEqual([])
  const asHalves = `embedding::halfvec(8) <=> ${short}::halfvec(8)`
  const [partial] = await judge(`SELECT id FROM plain ORDER BY ${asHalves} LIMIT 3`)
  expect(partial!.what).toContain('app.plain_part is partial')
  expect(await judge(`SELECT id FROM plain WHERE id < 500 ORDER BY ${asHalves} LIMIT 3`)).toEqual([])
  await client.query('DROP TABLE app.plain')
})

it.each([
  [
    'the farthest',
    `SELECT id FROM items ORDER BY embedding <-> ${vector} DESC LIMIT 10`,
    /the farthest first/,
  ],
  [
    'what hides it',
    `SELECT d FROM (SELECT DISTINCT id, embedding <-> ${vector} AS d FROM items) s ORDER BY d LIMIT 10`,
    /which is no distance operator/,
  ],
])('a query for %s is told that no index can', async (_what, text, because) => {
  const [finding] = await judge(text)
  expect(finding!.what).toMatch(because)
  expect(finding!.cure.caution).toBeDefined()
})

it('a query that an index answers is none', async () => {
  expect(await judge(`SELECT id FROM items ORDER BY embedding <=> ${vector} LIMIT 10`)).toEqual([])
  expect(await judge('SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 5')).toEqual([])
})

describe('queries that the server has counted', () => {
  it('are judged as those that are given', async () => {
    await client.query(`${ofShape} -- of an application`)
    const { findings } = await ask({ table: 'app.items', sample: 5 })
    const [finding] = findings.filter(({ code }) => code === 'query-shape')
    expect(finding!.where).toMatch(/^pg_stat_statements \(1 calls\): SELECT id, \$1 - /)
    await client.query('SELECT pg_stat_statements_reset()')
  })

  it('of other roles are said not to be seen', async () => {
    const { unseen } = await ask({ table: 'app.stale', url: urlOf('reader', 'of-reader') })
    expect(unseen).toContainEqual(expect.stringMatching(/^Queries of other roles than reader: /))
  })
})

it.each([
  ['two statements', 'SELECT 1; DROP TABLE app.items', /cannot insert multiple commands/],
  ['no SQL', 'SELEC', /syntax error/],
  ['no table of it', 'SELECT 1 FROM app.none', /does not exist/],
])('refuses a query that is %s', async (_what, text, why) => {
  await expect(ask({ table: 'app.stale', queries: given(text) })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(why),
  })
})

it('refuses a table that is not there, and one without vectors', async () => {
  for (const table of ['app.none', 'pg_catalog.pg_class'])
    await expect(ask({ table })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
})

/** Findings of a query alone. */
async function judge(text: string): Promise<AdviceFinding[]> {
  const reading = await ReadOnlyServer.open(server.connection, signal)
  const explainer = await Explainer.open(reading)
  try {
    const { columns } = await readFacts(reading.session)
    const judgement = judgeShape(given(text)[0]!, await explainer.explain(text), columns)
    return judgement.verdict === 'forbidden' ? [...judgement.findings] : []
  } finally {
    await explainer.close()
    await reading.close()
  }
}

const problem = findProgram('pgbouncer') === undefined ? 'pgbouncer is not installed' : undefined

it.skipIf(problem)(titleWith(problem, 'a transaction pooler is refused, as bench refuses it'), async () => {
  const bouncer = await startPgBouncer(server.connection, [{ name: 'pooled', mode: 'transaction', size: 1 }])
  try {
    const { code, stderr } = await runCli(['advise', '--url', bouncer.urlOf('pooled')])
    expect(stderr).toMatch(/^error: A transaction pooler answers at /m)
    expect(code).toBe(2)
  } finally {
    await bouncer.stop()
  }
})

it('an index over an expression, and one of some rows, are measured on their own, and say where a scan is as fast', async () => {
  await client.query(`CREATE TABLE app.kinds (id int PRIMARY KEY, kind int, embedding vector(32));
    INSERT INTO app.kinds SELECT id, id % 2, embedding FROM (${vectorsOf(32, 1, 3000)}) AS made;
    CREATE INDEX kinds_halves ON app.kinds USING hnsw ((embedding::halfvec(32)) halfvec_l2_ops);
    CREATE INDEX kinds_part ON app.kinds USING hnsw (embedding vector_cosine_ops) WHERE kind = 1;
    CREATE INDEX kinds_first ON app.kinds USING hnsw ((subvector(embedding, 1, 8)::vector(8)) vector_l2_ops);
    CREATE INDEX kinds_signs ON app.kinds USING hnsw ((binary_quantize(embedding)::bit(32)) bit_hamming_ops);
    ANALYZE app.kinds`)
  const result = await ask({ table: 'app.kinds', sample: 20 })
  expect(result.indexes.map(({ index, rows }) => [index, rows])).toEqual([
    ['app.kinds_first', 3000],
    ['app.kinds_halves', 3000],
    ['app.kinds_part', 1500],
    ['app.kinds_signs', 3000],
  ])
  expect(result.unseen.filter((line) => line.startsWith('Recall'))).toEqual([])
  const reduced = ['app.kinds_first', 'app.kinds_signs']
  for (const { index, target, crossover } of result.indexes) {
    if (!reduced.includes(index)) expect(target!.recall).toBeGreaterThan(0.95)
    expect(crossover.scans.length).toBeGreaterThan(0)
    expect(crossover.scans.at(-1)!.rows).toBe(index === 'app.kinds_part' ? 1500 : 3000)
    expect(crossover.rows).toBeLessThanOrEqual(crossover.scans.at(-1)!.rows)
  }
  // Signs or the first dimensions alone find few, which no setting of the server mends.
  expect(result.findings.filter(({ where }) => reduced.includes(where))).toEqual([])
  expect(result.notes).toContainEqual(
    expect.stringMatching(/^app\.kinds_signs keeps signs: .* \(re-ranking\)/),
  )
  expect(result.notes).toContainEqual(
    expect.stringMatching(/^app\.kinds_first keeps 8 dimensions of vectors of 32: .* \(re-ranking\)/),
  )
  expect(adviceSchema.parse(JSON.parse(JSON.stringify(result)))).toEqual(JSON.parse(JSON.stringify(result)))
  await client.query('DROP TABLE app.kinds')
})

it('scans of parts and of the whole are of one process, so that they are alike', async () => {
  const free = ['min_parallel_table_scan_size', 'parallel_setup_cost', 'parallel_tuple_cost']
  await client.query(`CREATE TABLE app.scanned (id int PRIMARY KEY, embedding vector(32)) WITH (parallel_workers = 2);
    INSERT INTO app.scanned ${vectorsOf(32, 1, 4000)};
    CREATE INDEX scanned_l2 ON app.scanned USING hnsw (embedding vector_l2_ops); ANALYZE app.scanned`)
  for (const name of free) await client.query(`ALTER DATABASE simdgres SET ${name} = 0`)
  const workers: string[] = []
  let isOver = false
  const watch = async () => {
    while (!isOver) {
      const { rows } = await client.query(
        "SELECT query FROM pg_stat_activity WHERE backend_type = 'parallel worker'",
      )
      workers.push(...rows.map(({ query }) => query))
    }
  }
  const watching = watch()
  const { indexes } = await ask({ table: 'app.scanned', sample: 20 }).finally(() => {
    isOver = true
  })
  await watching
  expect(indexes[0]!.crossover.scans.length).toBeGreaterThan(1)
  const ofParts = workers.filter((query) => query.includes(') AS part'))
  expect({ ofParts, others: workers.length > 0 }).toEqual({ ofParts: [], others: true })
  for (const name of free) await client.query(`ALTER DATABASE simdgres RESET ${name}`)
  await client.query('DROP TABLE app.scanned')
})

describe('the cures', () => {
  it('applied as they stand remove every finding', async () => {
    const before = await buildNotices()
    expect(before).toContainEqual(expect.stringContaining('no longer fits into maintenance_work_mem'))
    const { findings } = await ask({ queries: given(ofShape) })
    let query = ofShape
    for (const { cure } of findings) {
      if (cure.kind === 'query') query = cure.statements[0]!
      else for (const statement of cure.statements) await client.query(statement)
    }
    if (findings.some(({ cure }) => cure.restart)) await restart()
    const healthy = await ask({ queries: given(query) })
    expect(healthy.findings).toEqual([])
    const recalls = healthy.indexes.map(({ today }) => today.recall)
    expect(Math.min(...recalls)).toBeGreaterThan(0.9)
    // The estimate of the memory is enough for the build itself.
    expect(await buildNotices()).toEqual([])
  })

  it('are none where there is nothing to mend, and the command ends with 0', async () => {
    const { code, stdout } = await runCli([
      'advise',
      '--url',
      urlOf(),
      '--table',
      'app.items',
      '--query',
      goodQuery,
    ])
    expect(stdout).toContain('nothing to mend')
    expect(code).toBe(0)
  })

  it('that makes halves of vectors keeps their index, and its parameters', async () => {
    await client.query(`CREATE TABLE app.wide (id int PRIMARY KEY, embedding vector(2500))`)
    await client.query(`INSERT INTO app.wide ${vectorsOf(2500, 1, 520)}`)
    await client.query(
      'CREATE INDEX wide_cosine ON app.wide USING hnsw ((embedding::halfvec(2500)) halfvec_cosine_ops) WITH (m = 8)',
    )
    await client.query('ANALYZE app.wide')
    const { findings } = await ask({ table: 'app.wide', sample: 5 })
    const cure = findings.find(({ code }) => code === 'vectors-out-of-line')!.cure
    for (const statement of cure.statements) await client.query(statement)
    const { rows } = await client.query("SELECT indexdef FROM pg_indexes WHERE indexname = 'wide_cosine'")
    expect(rows[0].indexdef).toMatch(/hnsw \(embedding (\w+\.)?halfvec_cosine_ops\) WITH \(m='8'\)/)
    expect(codesOf(await ask({ table: 'app.wide', sample: 5 }))).not.toContain('vectors-out-of-line')
  })
})

const goodQuery = 'SELECT id FROM app.items ORDER BY embedding <=> $1 LIMIT 10'

/** What the server says while an HNSW index is made anew. */
async function buildNotices(): Promise<string[]> {
  const notices: string[] = []
  const listener = ({ message = '' }: { message?: string | undefined }) => notices.push(message)
  client.on('notice', listener)
  await client.query('REINDEX INDEX app.items_l2')
  client.off('notice', listener)
  return notices
}
