import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Dataset } from '#src/datasets/dataset.js'
import { groundTruth } from '#src/datasets/ground-truth.js'
import { prepareCorpora } from '#src/measure/corpora.js'
import { queryRecall } from '#src/measure/recall.js'
import { findPathRow } from '#src/paths/registry.js'
import type { Corpus, Searcher, Variant } from '#src/paths/search-path.js'
import { type VectorFormat, vectorFormat } from '#src/paths/server/vector-codec.js'
import { loadTable } from '#src/paths/server/vector-table.js'
import { Workspace } from '#src/paths/server/workspace.js'
import { createServerPath } from '#src/paths/server-path.js'
import { silent } from '#src/progress.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { startServer, type TestServer } from './server.js'

const k = 5
const { signal } = new AbortController()
// Every connection listens to it.
setMaxListeners(0, signal)
let server: TestServer
let dataset: Dataset

beforeAll(async () => {
  server = await startServer()
  dataset = await loadDataset('synthetic-2000x16', { queries: 20 })
})
afterAll(() => server?.stop())

const openWorkspace = (extra: { connection?: ConnectionInfo; resumeKey?: string } = {}) =>
  Workspace.open({
    connection: server.connection,
    mayCreateExtensions: false,
    progress: silent,
    signal,
    ...extra,
  })

const prepare = (workspace: Workspace, ...ids: string[]) =>
  prepareCorpora(
    ids.map((id) => ({ id })),
    { dataset, k, workspace, target: 'local', progress: silent, signal, threads: 1 },
  )

describe('corpora of a server', () => {
  let workspace: Workspace
  let corpora: readonly Corpus[]
  const searchers: Searcher[] = []

  beforeAll(async () => {
    workspace = await openWorkspace()
    corpora = (await prepare(workspace, 'extension-exact', 'pgvector-hnsw')).corpora
  })
  afterAll(async () => {
    for (const searcher of searchers) await searcher.close()
    await workspace?.close()
  })

  async function open(corpus: Corpus, variant = corpus.variants()[0]!): Promise<Searcher> {
    const searcher = await corpus.open(variant)
    searchers.push(searcher)
    return searcher
  }

  it('opened eight times are eight backends that search at the same time', async () => {
    const [exact] = corpora
    const eight = await Promise.all(Array.from({ length: 8 }, () => open(exact!)))
    // Nobody can read the table: all eight searches are under way at once, or they could not wait together.
    await server.client.query('BEGIN; LOCK TABLE simdgres_bench.vectors_plain IN ACCESS EXCLUSIVE MODE')
    const { data, dims } = dataset.queries
    const searches = eight.map((searcher, i) => searcher.search(data.subarray(i * dims, (i + 1) * dims)))
    const waiting = async (): Promise<number> => {
      const { rows } = await server.client.query(
        `SELECT count(DISTINCT pid)::int AS backends FROM pg_stat_activity
          WHERE application_name = 'simdgres' AND state = 'active' AND wait_event_type = 'Lock'`,
      )
      return rows[0].backends
    }
    // The server shows a transaction one view of its activity unless it is told to forget it.
    for (let i = 0; i < 200 && (await waiting()) < 8; i++) {
      await server.client.query('SELECT pg_stat_clear_snapshot()')
      await sleep(50)
    }
    expect(await waiting()).toBe(8)
    await server.client.query('COMMIT')
    for (const [hits] of await Promise.all(searches)) expect(hits).toHaveLength(k)
  })

  it('say how the statement that is measured was run', async () => {
    const [exact, hnsw] = corpora
    const query = dataset.queries.data.subarray(0, dataset.queries.dims)
    const scan = await (await open(exact!, { workers: 0 })).explain(query)
    expect(scan).toMatchObject({ workersPlanned: 0, workersLaunched: 0, compilesJit: false })
    expect(scan!.nodes.at(-1)).toBe('Seq Scan on vectors_plain')
    expect(scan!.buffers.hit + scan!.buffers.read).toBeGreaterThan(0)
    const walk = await (await open(hnsw!, { ef_search: 77 })).explain(query)
    expect(walk!.nodes).toContain('Index Scan using vectors_hnsw_index on vectors_hnsw')
  })

  it('say how many workers ran, where the server has none left', async () => {
    const [exact] = corpora
    const query = dataset.queries.data.subarray(0, dataset.queries.dims)
    const searcher = await open(exact!, { workers: 1 })
    expect(await searcher.explain(query)).toMatchObject({ workersPlanned: 1, workersLaunched: 1 })
    const [{ name }] = (await server.client.query('SELECT quote_ident(current_database()) AS name')).rows
    await server.client.query(`ALTER DATABASE ${name} SET max_parallel_workers = 0`)
    try {
      const late = await open(exact!, { workers: 1 })
      expect(await late.explain(query)).toMatchObject({ workersPlanned: 1, workersLaunched: 0 })
    } finally {
      await server.client.query(`ALTER DATABASE ${name} RESET ALL`)
    }
  })

  it('are not measured once the planner does something else', async () => {
    const [, hnsw] = corpora
    const query = dataset.queries.data.subarray(0, dataset.queries.dims)
    const searcher = await open(hnsw!, { ef_search: 40 })
    await searcher.explain(query)
    await server.client.query('ALTER INDEX simdgres_bench.vectors_hnsw_index RENAME TO another')
    try {
      await expect(searcher.explain(query)).rejects.toMatchObject({
        code: 'ERR_CHECK_FAILED',
        message: expect.stringContaining('does not run pgvector-hnsw {"ef_search":40} as named'),
      })
    } finally {
      await server.client.query('ALTER INDEX simdgres_bench.another RENAME TO vectors_hnsw_index')
    }
  })

  it('force settings of their own, and lift the limits that would end an idle session', async () => {
    const [, hnsw] = corpora
    const searcher = await open(hnsw!, { ef_search: 77 })
    expect(searcher.settings).toMatchObject({ jit: 'off', 'hnsw.ef_search': '77', enable_seqscan: 'off' })
    const session = await workspace.connect()
    const [row] = await session.query(
      "SELECT current_setting('idle_session_timeout') AS idle, current_setting('idle_in_transaction_session_timeout') AS open",
    )
    expect(row).toEqual({ idle: '0', open: '0' })
    await session.close()
  })

  it('stand beside the same statement as any other client runs it, where the server runs it in another way', async () => {
    const [exact] = corpora
    // The table is far too small for a worker: serial, as workers=0 is.
    expect(exact!.variants()).toEqual([{ workers: 0 }, { workers: 1 }])
    const [{ name }] = (await server.client.query('SELECT quote_ident(current_database()) AS name')).rows
    const settings = ['jit = on', 'jit_above_cost = 0', 'max_parallel_workers_per_gather = 0']
    for (const setting of settings) await server.client.query(`ALTER DATABASE ${name} SET ${setting}`)
    try {
      const [again] = (await prepare(workspace, 'extension-exact')).corpora
      expect(again!.variants().at(-1)).toEqual({ planner: 'as-is' })
      const [forced, asIs] = [await open(again!), await open(again!, { planner: 'as-is' })]
      expect(Object.keys(forced.settings)).toEqual(
        expect.arrayContaining(['jit', 'plan_cache_mode', 'parallel_setup_cost', 'enable_indexscan']),
      )
      // What was set on the table for the others is there for it as well, and said.
      expect(Object.keys(asIs.settings).filter((name) => name !== 'parallel_workers')).toEqual([])
      const query = dataset.queries.data.subarray(0, 16)
      expect(await forced.explain(query)).toMatchObject({ compilesJit: false })
      expect(await asIs.explain(query)).toMatchObject({ compilesJit: true })
      expect(await asIs.search(query)).toEqual(await forced.search(query))
    } finally {
      await server.client.query(`ALTER DATABASE ${name} RESET ALL`)
    }
  })

  it('say what was set on a table that is too small for the workers they are to have', async () => {
    const [exact] = corpora
    const searcher = await open(exact!, { workers: 30 })
    expect(searcher.settings).toMatchObject({
      max_parallel_workers_per_gather: '30',
      parallel_workers: '1024',
    })
    const query = dataset.queries.data.subarray(0, 16)
    expect(await searcher.explain(query)).toMatchObject({ workersPlanned: 30 })
  })

  it('are built in another design beside the first one', async () => {
    const { corpora: other } = await prepareCorpora(
      [{ id: 'pgvector-hnsw', designs: [{ m: 5, ef_construction: 20 }] }],
      { dataset, k, workspace, target: 'local', progress: silent, signal, threads: 1 },
    )
    expect(other[0]!.design).toEqual({ m: 5, ef_construction: 20 })
    const { rows } = await server.client.query(
      "SELECT reloptions FROM pg_class WHERE relname = 'vectors_hnsw_m_5_ef_construction_20_index'",
    )
    expect(rows).toEqual([{ reloptions: ['m=5', 'ef_construction=20'] }])
    const [hits] = await (await open(other[0]!)).search(dataset.queries.data.subarray(0, 16))
    expect(hits).toHaveLength(k)
  })
})

/** Share of the true neighbours that a corpus finds in a variant. */
async function recallOf(corpus: Corpus, variant: Variant, data: Dataset): Promise<number> {
  const truth = await groundTruth(data, k, { progress: silent, signal, threads: 1 })
  const searcher = await corpus.open(variant)
  const { queries } = data
  let sum = 0
  for (let row = 0; row < queries.rows; row++) {
    const [hits] = await searcher.search(queries.data.subarray(row * queries.dims, (row + 1) * queries.dims))
    sum += queryRecall(data, truth, row, hits!)
  }
  await searcher.close()
  return sum / queries.rows
}

describe('the indexes of pgvector', () => {
  it.each([
    ['pgvector-hnsw-halfvec', { ef_search: 80 }, 0.9],
    // 16 signs say little; all candidates are ranked by their vectors.
    ['pgvector-hnsw-bit', { candidates: 1000 }, 0.5],
    ['pgvector-ivfflat', { probes: 2 }, 1],
  ] as const)('%s finds neighbours, in a table of its own', async (id, variant, least) => {
    const workspace = await openWorkspace()
    try {
      const { corpora } = await prepare(workspace, id)
      expect(await recallOf(corpora[0]!, variant, dataset)).toBeGreaterThanOrEqual(least)
      expect(corpora[0]!.ladders![0]!.length).toBeGreaterThan(1)
    } finally {
      await workspace.close()
    }
  })

  it('takes vectors of 2,500 dimensions as halfvec and as bits', async () => {
    const wide = await loadDataset('synthetic-200x2500', { queries: 5 })
    const workspace = await openWorkspace()
    try {
      const ids = ['pgvector-hnsw', 'pgvector-hnsw-halfvec', 'pgvector-hnsw-bit']
      const { corpora, refusals } = await prepareCorpora(
        ids.map((id) => ({ id })),
        { dataset: wide, k, workspace, target: 'local', progress: silent, signal, threads: 1 },
      )
      expect(refusals).toMatchObject([
        { id: ids[0], reason: expect.stringMatching(/at most 2,000 dimensions.*use pgvector-hnsw-halfvec/) },
      ])
      expect(corpora.map(({ path }) => path.id)).toEqual(ids.slice(1))
      expect(await recallOf(corpora[0]!, { ef_search: 200 }, wide)).toBeGreaterThan(0.9)
      // Out of line, as vectors of so many dimensions have to be; halves still fit in a page.
      expect(corpora.map(({ load }) => load!.outOfLineBytes! > 0)).toEqual([false, true])
    } finally {
      await workspace.close()
    }
  })
})

it('plain SQL with stored norms finds the nearest of rows that differ in their last bits', async () => {
  const rows = 400
  const base = { data: new Float32Array(rows * 16).fill(1000), rows, dims: 16 }
  for (let row = 0; row < rows; row++) base.data[row * 16] = 1000 + row * 2 ** -14
  const queries = { data: base.data.slice(100 * 16, 110 * 16), rows: 10, dims: 16 }
  const twins: Dataset = { ...dataset, name: 'twins', metric: 'l2', base, queries, sha256: 'twins' }
  const workspace = await openWorkspace()
  try {
    const context = { dataset: twins, k, workspace, progress: silent, signal, threads: 1 }
    const { corpora } = await prepareCorpora([{ id: 'sql' }], context)
    const [sql] = corpora
    const searcher = await sql!.open(sql!.variants()[0]!)
    for (let row = 0; row < queries.rows; row++) {
      const [hits] = await searcher.search(queries.data.subarray(row * 16, (row + 1) * 16))
      expect([...hits!].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2].map((step) => 100 + row + step))
    }
    await searcher.close()
  } finally {
    await workspace.close()
  }
})

describe('a statement that is not at its best', () => {
  /** pgvector's text, as clients without a binary format send it: any vector will do. */
  const digits = 4
  const print = (vector: Float32Array) =>
    `[${Array.from(vector, (value) => value.toExponential(digits)).join(',')}]`
  const asText: VectorFormat = {
    bytes: (dims) => print(new Float32Array(dims).fill(0.5)).length,
    write(view, offset, _data, _start, dims) {
      const text = Buffer.from(print(new Float32Array(dims).fill(0.5)))
      for (const [i, code] of text.entries()) view.setUint8(offset + i, code)
    },
    print,
  }

  it.each([
    ['a bound vector', 'embedding <-> $1::vector', vectorFormat, 'vector', false],
    ['text', 'embedding <-> $1::text::vector', asText, 'text', false],
    ['a subquery', 'embedding <-> (SELECT $1::vector)', vectorFormat, 'vector', true],
  ] as const)('is known by its plan: %s', async (_name, orderBy, format, type, hasSubquery) => {
    const workspace = await openWorkspace()
    const context = { dataset, k, workspace, progress: silent, signal, threads: 1 }
    const path = createServerPath(findPathRow('pgvector-exact'), context, {
      format,
      settings: {},
      designs: [{}],
      isAvailable: async () => ({ available: true }),
      async prepare(workspace) {
        await loadTable(workspace, dataset, { name: 'plain', type: 'vector', storage: 'plain' })
        const text = `SELECT id FROM simdgres_bench.plain ORDER BY ${orderBy} LIMIT ${k}`
        return { variants: [{}], describe: () => ({ text, settings: {}, expectedPlan: [] }) }
      },
    })
    try {
      const searcher = await (await path.prepare({})).open({})
      const plan = await searcher.explain(dataset.queries.data.subarray(0, 16))
      expect(plan).toMatchObject({ queryVector: { type, encoding: 'binary' }, hasSubquery })
      await searcher.close()
    } finally {
      await workspace.close()
    }
  })
})

describe('the schema of a run', () => {
  it('is unlogged as a whole: after a crash nothing of it is gone on with', async () => {
    const first = await openWorkspace({ resumeKey: 'crash' })
    await prepare(first, 'pgvector-hnsw')
    const { rows } = await server.client.query(
      "SELECT relpersistence AS kind FROM pg_class WHERE relnamespace = 'simdgres_bench'::regnamespace",
    )
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(['u']))
    await first.session.close()
    // As a crash empties them: contents and notes alike.
    await server.client.query('TRUNCATE simdgres_bench.run, simdgres_bench.made, simdgres_bench.vectors_hnsw')
    const second = await openWorkspace({ resumeKey: 'crash' })
    expect(second.id).not.toBe(first.id)
    await second.close()
  })

  it('that a crash has emptied is not searched after a restart', async () => {
    const workspace = await openWorkspace()
    await prepare(workspace, 'pgvector-hnsw')
    await server.client.query('TRUNCATE simdgres_bench.made')
    await expect(workspace.reconnect(server.connection)).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      message: expect.stringContaining('has lost vectors_hnsw, vectors_hnsw_index'),
    })
    await workspace.close()
  })

  it('is taken over with the same key, and made anew with another', async () => {
    const first = await openWorkspace({ resumeKey: 'a' })
    const [corpus] = (await prepare(first, 'pgvector-hnsw')).corpora
    // As if the process had been killed: nothing is removed, and the lock goes with its session.
    await first.session.close()
    const second = await openWorkspace({ resumeKey: 'a' })
    expect(second.id).toBe(first.id)
    const [again] = (await prepare(second, 'pgvector-hnsw')).corpora
    expect([again!.load, again!.index]).toEqual([corpus!.load, corpus!.index])
    await second.session.close()
    const third = await openWorkspace({ resumeKey: 'b' })
    expect(third.id).not.toBe(first.id)
    const { rows } = await server.client.query("SELECT FROM pg_class WHERE relname = 'vectors_hnsw'")
    expect(rows).toEqual([])
    await third.close()
  })

  it('has tables that rows were inserted into made anew, with their indexes', async () => {
    const first = await openWorkspace({ resumeKey: 'inserted' })
    const paths = ['pgvector-hnsw', 'pgvector-exact'] as const
    const { corpora } = await prepare(first, ...paths)
    const inserter = await corpora[0]!.table!.openInserter()
    await inserter.insert(dataset.base.rows, dataset.base.data.subarray(0, dataset.base.dims))
    await inserter.close()
    const readMade = async () => {
      const { rows } = await server.client.query('SELECT name FROM simdgres_bench.made ORDER BY name')
      return rows.map(({ name }) => name)
    }
    expect(await readMade()).toEqual(['vectors_plain'])
    // As if the process had been killed.
    await first.session.close()
    const second = await openWorkspace({ resumeKey: 'inserted' })
    expect(second.id).toBe(first.id)
    const [again] = (await prepare(second, ...paths)).corpora
    expect(await readMade()).toEqual(['vectors_hnsw', 'vectors_hnsw_index', 'vectors_plain'])
    const { rows } = await server.client.query(
      'SELECT count(*)::int AS count FROM simdgres_bench.vectors_hnsw',
    )
    expect(rows).toEqual([{ count: dataset.base.rows }])
    const searcher = await again!.open(again!.variants()[0]!)
    await searcher.close()
    await second.close()
  })

  it('is not touched where no run has made it', async () => {
    await server.client.query('CREATE SCHEMA simdgres_bench CREATE TABLE precious (id int)')
    await expect(openWorkspace()).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      hint: expect.stringContaining('DROP SCHEMA simdgres_bench'),
    })
    await server.client.query('SELECT FROM simdgres_bench.precious')
    await server.client.query('DROP SCHEMA simdgres_bench CASCADE')
  })
})

describe('a database whose pgvector is older than the packages', () => {
  /** Runs `work` in a database of its own whose catalogue looks like that of an old version. */
  async function withOldVector(change: string, work: (connection: ConnectionInfo) => Promise<void>) {
    await server.client.query('CREATE DATABASE old')
    const connection = { ...server.connection, database: 'old' }
    const client = new pg.Client({ ...connection })
    await client.connect()
    try {
      await client.query(`CREATE EXTENSION vector; SET allow_system_table_mods = on; ${change}`)
      await work(connection)
    } finally {
      await client.end()
      await server.client.query('DROP DATABASE old WITH (FORCE)')
    }
  }

  it.each([
    ['hnsw', "UPDATE pg_am SET amname = 'hnsw_x' WHERE amname = 'hnsw'", 'l2', 'pgvector-hnsw', '0.5'],
    [
      'halfvec',
      "UPDATE pg_type SET typname = 'halfvec_x' WHERE typname = 'halfvec'",
      'l2',
      'pgvector-hnsw-halfvec',
      '0.7',
    ],
    [
      'binary_quantize',
      "UPDATE pg_proc SET proname = 'bq_x' WHERE proname = 'binary_quantize'",
      'l2',
      'pgvector-hnsw-bit',
      '0.7',
    ],
    ['l1', "UPDATE pg_operator SET oprname = '<+x>' WHERE oprname = '<+>'", 'l1', 'pgvector-exact', '0.7'],
  ] as const)('has no %s: its rows say so, the others are there', async (what, change, metric, id, since) => {
    await withOldVector(change, async (connection) => {
      const workspace = await openWorkspace({ connection })
      const { corpora, refusals } = await prepareCorpora([{ id }, { id: 'addon-exact' }], {
        dataset: { ...dataset, metric },
        k,
        workspace,
        ...{ target: 'url', progress: silent, signal, threads: 1 },
      })
      expect(corpora.map(({ path }) => path.id)).toEqual(['addon-exact'])
      const reason = new RegExp(
        `^${what} needs pgvector ${since} or newer.*run ALTER EXTENSION vector UPDATE`,
      )
      expect(refusals).toMatchObject([{ id, status: 'unavailable', reason: expect.stringMatching(reason) }])
      for (const corpus of corpora) await corpus.dispose()
      await workspace.close()
    })
  })

  it('refuses the extension simdgres with the reason and the cure', async () => {
    await withOldVector(
      "UPDATE pg_type SET typname = 'halfvec_x' WHERE typname = 'halfvec'",
      async (connection) => {
        const client = new pg.Client({ ...connection })
        await client.connect()
        await expect(client.query('CREATE EXTENSION simdgres')).rejects.toMatchObject({
          message: expect.stringContaining('simdgres needs pgvector 0.7 or newer'),
          hint: expect.stringContaining('ALTER EXTENSION vector UPDATE'),
        })
        await client.end()
      },
    )
  })
})
