import type { Container } from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countFaultsOfSort } from '../pg/page-faults.js'
import { until } from '../stack/until.js'
import { describeWithEngine, readLog, Sandbox, waitForEnd } from './sandbox.js'

const mib = 1024 ** 2

async function readSettings(sandbox: Sandbox, container: Container): Promise<Record<string, string>> {
  const rows = await sandbox.query(container, 'SELECT name, current_setting(name) FROM pg_settings')
  return Object.fromEntries(rows) as Record<string, string>
}

await describeWithEngine('tuning', () => {
  const replaced = {
    POSTGRES_SHARED_BUFFERS: '200MB',
    POSTGRES_EFFECTIVE_CACHE_SIZE: '700MB',
    POSTGRES_WORK_MEM: '7MB',
    POSTGRES_MAINTENANCE_WORK_MEM: '90MB',
    POSTGRES_MAX_PARALLEL_WORKERS: '12',
    POSTGRES_MAX_PARALLEL_WORKERS_PER_GATHER: '3',
  }
  let sandbox: Sandbox
  let tuned: Container
  let computed: Record<string, string>
  let given: Record<string, string>

  beforeAll(async () => {
    sandbox = new Sandbox()
    const limits = { memoryBytes: 1024 * mib, cpus: 1 }
    computed = await readSettings(sandbox, await sandbox.startReady(limits))
    tuned = await sandbox.startReady({ ...limits, environment: replaced })
    given = await readSettings(sandbox, tuned)
  })
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
  })

  test("follows the container's limit, not the host's memory and processors", () => {
    expect(computed).toMatchObject({
      shared_buffers: '256MB',
      effective_cache_size: '768MB',
      maintenance_work_mem: '128MB',
      max_parallel_workers: '1',
      max_parallel_workers_per_gather: '0',
      jit: 'off',
    })
  })

  test.each(Object.entries(replaced))('%s=%s takes effect', (variable, value) => {
    const name = variable.replace('POSTGRES_', '').toLowerCase()
    expect(given[name]).toBe(value)
    expect(computed[name]).not.toBe(value)
  })

  test('a session keeps the memory of its sorts for the next one', async () => {
    const client = await sandbox.connect(tuned)
    try {
      const query = async (text: string) => (await client.query({ text, rowMode: 'array' })).rows
      expect(await countFaultsOfSort(query)).toBeLessThan(100)
    } finally {
      await client.end()
    }
  })

  test('makes room for the parallel workers asked for', () => {
    expect(Number(given['max_worker_processes'])).toBeGreaterThanOrEqual(12)
  })

  test.each([
    ['POSTGRES_SHARED_BUFFERS', '1 gigabyte', 'is not a size'],
    ['POSTGRES_SHARED_BUFFERS', '512', 'has no unit'],
    ['POSTGRES_SHARED_BUFFERS', '64GB', 'does not fit into the memory limit'],
    ['POSTGRES_MAX_PARALLEL_WORKERS', 'many', 'is not a count'],
  ])('%s=%s ends the start with a message', async (variable, value, message) => {
    await using own = new Sandbox()
    const container = await own.start({ environment: { [variable]: value } })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    const log = await readLog(container)
    expect(log).toContain(`${variable}=${value}`)
    expect(log).toContain(message)
  })

  test('parameters of the command line win, and shm grows with maintenance_work_mem', async () => {
    await using own = new Sandbox()
    const container = await own.startReady({
      parameters: { maintenance_work_mem: '1500MB', shared_buffers: '300MB', max_parallel_workers: '20' },
    })
    const settings = await readSettings(own, container)
    expect(settings).toMatchObject({
      maintenance_work_mem: '1500MB',
      shared_buffers: '300MB',
      max_parallel_workers: '20',
    })
    expect(Number(settings['max_worker_processes'])).toBeGreaterThanOrEqual(20)
    const { HostConfig } = await container.inspect()
    expect(HostConfig.ShmSize).toBeGreaterThanOrEqual(1500 * mib)
  })

  test('ALTER SYSTEM takes effect, but not against what was asked for by name', async () => {
    await using own = new Sandbox()
    const container = await own.startReady({
      environment: { POSTGRES_MAX_PARALLEL_WORKERS: '12' },
      parameters: { checkpoint_timeout: '7min' },
    })
    for (const change of [
      "work_mem = '77MB'",
      "max_wal_size = '3GB'",
      'random_page_cost = 3',
      "shared_buffers = '99MB'",
      'max_parallel_workers = 3',
      "checkpoint_timeout = '3min'",
    ]) {
      await own.query(container, `ALTER SYSTEM SET ${change}`)
    }
    await own.query(container, 'SELECT pg_reload_conf()')
    const expected = {
      work_mem: '77MB',
      max_wal_size: '3GB',
      random_page_cost: '3',
      max_parallel_workers: '12',
      checkpoint_timeout: '7min',
    }
    await until(
      async () => (await readSettings(own, container))['work_mem'] === '77MB',
      10_000,
      'the configuration is read again',
    )
    expect(await readSettings(own, container)).toMatchObject(expected)
    await container.restart()
    await own.waitUntilReady(container)
    expect(await readSettings(own, container)).toMatchObject({ ...expected, shared_buffers: '99MB' })
  })

  test.each([['-c', 'config_file=/run/files/pg.conf'], ['--config-file=/run/files/pg.conf']])(
    'a configuration file of the caller wins over computed values: %s',
    async (...args) => {
      await using own = new Sandbox()
      const container = await own.startReady({
        memoryBytes: 1024 * mib,
        files: { '/run/files': { 'pg.conf': "work_mem = '77MB'\n" } },
        change: (options) => {
          options.Cmd = [...(options.Cmd ?? ['postgres']), ...args]
        },
      })
      expect(await readSettings(own, container)).toMatchObject({
        work_mem: '77MB',
        shared_buffers: '256MB',
        jit: 'off',
        password_encryption: 'scram-sha-256',
      })
    },
  )

  test('a parallel hash join and a parallel HNSW build find room in shared memory', async () => {
    await using own = new Sandbox()
    const container = await own.startReady({ cpus: 2, parameters: { work_mem: '128MB' } })
    await own.query(
      container,
      `CREATE TABLE big AS SELECT i, md5(i::text) AS m FROM generate_series(1, 600000) i;
       ALTER TABLE big SET (parallel_workers = 2); ANALYZE big;
       CREATE TABLE items AS SELECT ARRAY[random(), random(), random()]::vector(3) AS e FROM generate_series(1, 20000);
       ALTER TABLE items SET (parallel_workers = 2);
       CREATE INDEX ON items USING hnsw (e vector_l2_ops);`,
    )
    const join = 'SELECT count(*)::int FROM big a JOIN big b USING (i, m)'
    const forced = `SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
                    SET enable_mergejoin = off; SET enable_nestloop = off; `
    const client = await own.connect(container)
    try {
      await client.query(forced)
      const plan = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${join}`)
      const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
      expect(text).toContain('Parallel Hash Join')
      expect(text).toMatch(/Workers Launched: [12]/)
      expect((await client.query<{ count: number }>(join)).rows).toEqual([{ count: 600_000 }])
    } finally {
      await client.end()
    }
  })
})
