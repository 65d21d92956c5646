import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Dataset } from '#src/datasets/dataset.js'
import { prepareCorpora } from '#src/measure/corpora.js'
import type { Corpus, Searcher } from '#src/paths/search-path.js'
import { Workspace } from '#src/paths/server/workspace.js'
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
    expect(scan).toMatchObject({ workersLaunched: 0 })
    expect(scan!.nodes.at(-1)).toBe('Seq Scan on vectors_plain')
    expect(scan!.buffers.hit + scan!.buffers.read).toBeGreaterThan(0)
    const walk = await (await open(hnsw!, { ef_search: 77 })).explain(query)
    expect(walk!.nodes).toContain('Index Scan using vectors_hnsw_index on vectors_hnsw')
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

describe('the schema of a run', () => {
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
