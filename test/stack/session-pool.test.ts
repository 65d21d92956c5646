import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resultSchema } from '#src/result/schema.js'
import { pausePool, requirePoolAt, resumePool } from '#src/stack/pool/pooler.js'
import { superuserToolCommand } from '#src/stack/server/sql.js'
import type { Stack } from '#src/stack/stack.js'
import { type CliResult, runCli } from '../cli/run-cli.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

/** SIMDGRES_TABLE_ROWS=50000 for a table of some size; its index then takes minutes. */
const rows = Number(process.env['SIMDGRES_TABLE_ROWS'] ?? 1500)
const database = 'claude_agents_auth'

await describeWithEngine('the session pool', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simdgres-session-'))
    sandbox = await StackSandbox.create()
    await sandbox.up({
      settings: { PGBOUNCER_SESSION_POOL_SIZE: '20', PGBOUNCER_MAX_DB_CONNECTIONS: '60' },
    })
    stack = await sandbox.open()
    await stack.query(
      `INSERT INTO enhanced_learning.operation_embeddings (event_id, model, embedding)
       SELECT gen_random_uuid(), 'of the test', (SELECT array_agg(random() - 0.5) FROM generate_series(1, 512) WHERE i > 0)::real[]
       FROM generate_series(1, ${rows}) AS i`,
    )
    await stack.query('ANALYZE enhanced_learning.operation_embeddings')
  }, 1_800_000)
  afterAll(async () => {
    await sandbox?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  async function bench(name: string, ...args: readonly string[]): Promise<CliResult> {
    const url = new URL(`postgres://app@127.0.0.1:${sandbox.port}/${name}`)
    url.searchParams.set('sslmode', 'verify-full')
    url.searchParams.set('sslrootcert', join(sandbox.folder, 'secrets/client/ca.crt'))
    const table = [
      '--table',
      'enhanced_learning.operation_embeddings',
      '--id',
      'operation_id',
      '--vector',
      'embedding',
    ]
    const password = await readFile(join(sandbox.folder, 'secrets/client/app_password'), 'utf8')
    return runCli(['bench', '--url', url.href, ...table, ...args], { PGPASSWORD: password })
  }

  /** The schema of the application's database, and all that was ever written to its tables. */
  async function readState(): Promise<unknown> {
    const dump = superuserToolCommand(stack.superuser, 'pg_dump', ['--schema-only', database])
    const { exitCode, stdout, stderr } = await stack.exec(stack.primary, dump)
    expect(exitCode, stderr).toBe(0)
    const written = await stack.query(
      `SELECT relid::regclass, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE schemaname <> 'deployment' ORDER BY 1`,
    )
    // Newer ones begin and end with a line that holds a random key.
    return { dump: stdout.replaceAll(/^\\(un)?restrict .*$/gm, ''), written }
  }

  test('measures a table of the stack where it is, as the role of the application, and changes nothing', async () => {
    const before = await readState()
    const json = join(folder, 'result.json')
    const { code, stderr } = await bench(
      `${database}_session`,
      '--profile',
      'quick',
      '--sample',
      '50',
      '--json',
      json,
    )
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    const result = resultSchema.parse(JSON.parse(await readFile(json, 'utf8')))
    const measured = result.paths.filter(({ status }) => status === 'ok').map(({ id }) => id)
    expect(new Set(measured)).toEqual(
      new Set(['as-is', 'pgvector-exact', 'pgvector-hnsw', 'extension-exact']),
    )
    expect(result.dataset).toMatchObject({ rows, dims: 512, metric: 'cosine' })
    expect(await readState()).toEqual(before)
  })

  test('is what a run through the pool by transaction is told to use', async () => {
    const { code, stderr } = await bench(database, '--profile', 'quick')
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/transaction mode|pool/)
    expect(stderr).toContain('session mode')
  })

  test('keeps what a session sets, which the pool by transaction does not', async () => {
    const client = await sandbox.connect({ database: `${database}_session` })
    await client.query("SET application_name = 'mine'; SELECT pg_advisory_lock(1)")
    expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name: 'mine' }])
    await client.end()
    // The next one has none of it.
    const next = await sandbox.connect({ database: `${database}_session` })
    const { rows: locks } = await next.query("SELECT FROM pg_locks WHERE locktype = 'advisory'")
    expect(locks).toEqual([])
    await next.end()
  })

  test('goes where the other pool goes, and does not hold a pause up for ever', async () => {
    await requirePoolAt(stack, stack.primary)
    const client = await sandbox.connect({ database: `${database}_session` })
    await client.query('SELECT 1')
    await expect(pausePool(stack, 500)).rejects.toThrow(
      new RegExp(`app of ${database} for \\d+ s \\(idle\\)`),
    )
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])

    await pausePool(stack, 500, true)
    await resumePool(stack)
    await expect(client.query('SELECT 1')).rejects.toThrow()
    await client.end().catch(() => undefined)
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test.each([
    ['many', 'a number of connections'],
    ['26', 'at most 25 beside PGBOUNCER_MAX_DB_CONNECTIONS=60'],
  ])('has no size of %s', async (size, reason) => {
    const { code, stderr } = await sandbox.cli('up', '--set', `PGBOUNCER_SESSION_POOL_SIZE=${size}`)
    expect(code).toBe(2)
    expect(stderr).toContain('PGBOUNCER_SESSION_POOL_SIZE')
    expect(stderr).toContain(reason)
    expect(await readFile(join(sandbox.folder, '.env'), 'utf8')).toContain('PGBOUNCER_SESSION_POOL_SIZE=20')
  })

  test('goes away with its setting', async () => {
    await sandbox.up({ settings: { PGBOUNCER_SESSION_POOL_SIZE: '0' } })
    const names = (await stack.poolerAdmin('SHOW DATABASES')).map(({ name }) => name)
    expect(names).not.toContain(`${database}_session`)
  })
})
