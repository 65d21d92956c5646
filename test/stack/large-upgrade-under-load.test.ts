import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dropOldServer } from '#src/stack/move/previous.js'
import { ensureMajorImage } from '#src/stack/upgrade/new-server.js'
import { rollBackUpgrade } from '#src/stack/upgrade/rollback.js'
import { upgradeStack } from '#src/stack/upgrade/upgrade.js'
import { whyNoEngine } from '../docker/sandbox.js'
import { titleWith } from '../skip-reasons.js'
import { Load, readLoad } from './load.js'
import { limits } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'
import { logical, questionsTo } from './upgrade-sandbox.js'

/** Of two tables together, 7 kB each with their indexes. */
const rows = Number(process.env['SIMDGRES_UPGRADE_ROWS'] ?? 0)
const problem = rows > 0 ? await whyNoEngine() : 'set SIMDGRES_UPGRADE_ROWS, 700000 for 5 GB'
const dims = 96
/** Bytes of log of either server: of the old one what the load writes while a table is copied, of the new one nothing of the copy. */
const mostLog = 1024 ** 3
const megabyte = 1e6
/** Between transactions of clients that are there to notice what goes wrong. */
const restMs = 20

const table = (name: string, index: string): string => `
  CREATE TABLE app.${name} (id bigint PRIMARY KEY, embedding vector(${dims}) NOT NULL, body text NOT NULL);
  WITH bodies AS MATERIALIZED (
    SELECT b, (SELECT string_agg(md5(b::text || i), '') FROM generate_series(1, 137) i) AS body FROM generate_series(0, 999) b
  )
  INSERT INTO app.${name} SELECT i, e, body || i FROM generate_series(1, ${Math.ceil(rows / 2)}) i
    JOIN bodies ON b = i % 1000
    CROSS JOIN LATERAL (SELECT array_agg(random())::vector AS e FROM generate_series(1, ${dims}) WHERE i > 0) AS made;
  CREATE INDEX ${name}_embedding ON app.${name} USING ${index};
  ALTER TABLE app.${name} OWNER TO app;
  ANALYZE app.${name}`

describe.skipIf(problem !== undefined)(titleWith(problem, 'upgrade of a large database'), () => {
  let sandbox: StackSandbox
  const { ask, readMajor } = questionsTo(() => sandbox)

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    const settings = { POSTGRES_MEMORY: '6g', POSTGRES_SHM_SIZE: '2g', POSTGRES_CPUS: '2' }
    await sandbox.up({ settings: { ...settings, POSTGRES_PARAMETER_max_wal_size: '512MB' } })
    const stack = await sandbox.open()
    await ensureMajorImage(stack, '18')
    const archive = ['pgbackrest', '--stanza=simdgres', '--no-online', 'stanza-create']
    expect(await stack.exec('postgres', archive)).toMatchObject({ exitCode: 0 })
    for (const [name, index] of [
      ['graphs', 'hnsw (embedding vector_l2_ops)'],
      ['lists', 'ivfflat (embedding vector_l2_ops) WITH (lists = 200)'],
    ] as const) {
      await ask(`SET maintenance_work_mem = '1500MB'; ${table(name, index)}`)
    }
  }, 7_200_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const nearest = async (name: string): Promise<readonly string[]> => {
    const plan = await sandbox.query(
      `EXPLAIN SELECT id FROM app.${name} ORDER BY embedding <-> (SELECT embedding FROM app.${name} WHERE id = 7) LIMIT 5`,
    )
    return plan.map((row) => String(row['QUERY PLAN']))
  }

  /** Looks at the log of both servers each second, until it is told to stop. */
  const watchLog = () => {
    const most: Record<string, number> = {}
    let isOver = false
    const watch = async (): Promise<void> => {
      while (!isOver) {
        for (const server of ['postgres', 'postgres-green']) {
          const found = await ask('SELECT sum(size) FROM pg_ls_waldir()', server).catch(() => [])
          most[server] = Math.max(most[server] ?? 0, Number(found[0]?.[0] ?? 0))
        }
        await sleep(1000)
      }
    }
    const done = watch()
    return async (): Promise<Readonly<Record<string, number>>> => {
      isOver = true
      await done
      return most
    }
  }

  test('keeps little log on both servers, fails no transaction, and goes back after a restart of both', async ({
    annotate,
  }) => {
    const count = async (sql: string): Promise<number> => Number((await ask(sql))[0]![0])
    const bytes = await count('SELECT pg_database_size(current_database())')
    const logBefore = await count('SELECT sum(size) FROM pg_ls_waldir()')
    const load = await Load.start(sandbox, 4, restMs)
    await load.reach(100)
    const begun: [step: string, atMs: number][] = []
    const observe = (step: string): void => void begun.push([step, performance.now()])
    const stopWatch = watchLog()
    const report = await upgradeStack(await sandbox.open(), { ...logical, observe })
    const endMs = performance.now()
    const log = await stopWatch()
    const seconds = Object.fromEntries(
      begun.map(([step, atMs], at) => [step, Math.round((begun[at + 1]?.[1] ?? endMs) - atMs) / 1000]),
    )
    await load.reach(load.commits + 200)
    const first = await load.stop()
    const figures = {
      megabytes: Math.round(bytes / megabyte),
      logBefore: Math.round(logBefore / megabyte),
      mostLog: Object.fromEntries(
        Object.entries(log).map(([name, most]) => [name, Math.round(most / megabyte)]),
      ),
      pauseMs: report.pauseMs,
      longestMs: first.longestMs,
      commits: first.commits,
      seconds,
    }
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
    await annotate(JSON.stringify(figures))
    expect(first.failures).toEqual([])
    expect(await readLoad(sandbox)).toEqual({ rows: first.commits, balance: first.commits })
    expect(await readMajor()).toBe('18')
    for (const most of Object.values(log)) expect(most).toBeLessThan(mostLog)
    for (const name of ['graphs', 'lists'])
      expect((await nearest(name)).join('\n')).toContain(`${name}_embedding`)

    const servers = await sandbox.open()
    for (const name of ['postgres-green', 'postgres']) await (await servers.container(name)).restart()
    await servers.waitUntilHealthy('postgres-green')
    await sandbox.query("UPDATE app.graphs SET body = 'written on 18' WHERE id = 1")
    const isThere = async (): Promise<boolean> => {
      const found = await ask('SELECT body FROM app.graphs WHERE id = 1', 'postgres').catch(() => [])
      return found[0]?.[0] === 'written on 18'
    }
    await until(isThere, 120_000, 'the server before follows after a restart of both')
    const second = await Load.continue(sandbox, 4, 1_000_000, restMs)
    await second.reach(200)
    const back = await rollBackUpgrade(await sandbox.open(), limits)
    await second.reach(second.commits + 200)
    const { commits, failures } = await second.stop()
    process.stdout.write(`${JSON.stringify({ rollback: back, commits })}\n`)
    expect(failures).toEqual([])
    const all = first.commits + commits
    expect(await readLoad(sandbox)).toEqual({ rows: all, balance: all })
    expect(await readMajor()).toBe('17')
    await dropOldServer(await sandbox.open())
  }, 14_400_000)
})
