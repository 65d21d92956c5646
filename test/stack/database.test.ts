import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExecResult } from '#src/engine/exec.js'
import type { Finding } from '#src/stack/checks/finding.js'
import type { Stack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { runPsqlAs } from './psql-client.js'
import { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'

await describeWithEngine("the stack's database", () => {
  let sandbox: StackSandbox
  let stack: Stack

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up({ profiles: ['cache'] })
    stack = await sandbox.open()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  /** Rows of statements by the application, the way applications come. */
  async function asApp(sql: string): Promise<unknown[][]> {
    const client = await sandbox.connect()
    try {
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
      return rows
    } finally {
      await client.end()
    }
  }

  const overNetwork = (role: string, secret: string, connection: string, sql: string): Promise<ExecResult> =>
    runPsqlAs(stack, role, secret, connection, sql)

  test('drivers that send limits when they connect are let in; what would give other results is refused', async () => {
    const limits = { statement_timeout: 5000, lock_timeout: 4000, idle_in_transaction_session_timeout: 3000 }
    for (const options of [limits, { options: '-c statement_timeout=5s' }]) {
      const client = await sandbox.connect(options)
      const { rows } = await client.query('SHOW statement_timeout')
      expect(rows).toEqual([{ statement_timeout: '0' }])
      await client.end()
    }
    await expect(sandbox.connect({ options: '-c search_path=other' })).rejects.toThrow(/startup parameter/)
  })

  describe('rights', () => {
    test('the application reads and writes rows, and has a place for tables of its own', async () => {
      expect(
        await asApp(`INSERT INTO enhanced_learning.shadowgit_events (repository, commit_hash, kind)
                     VALUES ('rights', repeat('a', 40), 'tag') RETURNING kind`),
      ).toEqual([['tag']])
      await asApp('CREATE TABLE mine AS SELECT 1 AS n')
      expect(
        await asApp(`SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'mine'`),
      ).toEqual([['app']])
    })

    test.each([
      'CREATE TABLE public.theirs ()',
      'CREATE SCHEMA another',
      'TRUNCATE enhanced_learning.shadowgit_events',
      'DROP TABLE enhanced_learning.operation_embeddings',
      "SELECT enhanced_learning.make_partitions('2040-01-01', 1)",
      'SELECT rolpassword FROM pg_authid',
      "SELECT * FROM pooler.find_user('app')",
      'CREATE ROLE another',
      'SELECT pg_switch_wal()',
      'CREATE SUBSCRIPTION s CONNECTION $$host=x$$ PUBLICATION p',
    ])('the application may not %s', async (sql) => {
      await expect(asApp(sql)).rejects.toThrow(/permission denied|must be owner/)
    })

    test('one superuser can log in, and one role replicates', async () => {
      const rows = await stack.query(`SELECT rolname, rolsuper, rolreplication FROM pg_roles
                                      WHERE rolcanlogin ORDER BY 1`)
      expect(rows).toEqual([
        ['app', 'f', 'f'],
        ['backup', 'f', 'f'],
        ['claude_agent', 't', 't'],
        ['monitor', 'f', 'f'],
        ['pooler', 'f', 'f'],
        ['replication', 'f', 't'],
      ])
    })

    test('the pooler sees verifiers of roles that may use the pool, one at a time, and no table', async () => {
      const ask = (sql: string): Promise<ExecResult> =>
        overNetwork('pooler', 'pooler_password', 'host=postgres sslmode=verify-full', sql)
      expect((await ask("SELECT name, verifier FROM pooler.find_user('app')")).stdout).toMatch(
        /^app\|SCRAM-SHA-256\$/,
      )
      for (const role of ['claude_agent', 'replication', 'local_only', 'nobody']) {
        expect((await ask(`SELECT count(*) FROM pooler.find_user('${role}')`)).stdout.trim(), role).toBe('0')
      }
      for (const table of [
        'pg_catalog.pg_authid',
        'pg_catalog.pg_shadow',
        'enhanced_learning.shadowgit_events',
      ]) {
        expect((await ask(`SELECT count(*) FROM ${table}`)).stderr, table).toContain('permission denied')
      }
    })
  })

  describe('the network', () => {
    test('lets roles in with TLS and a verified certificate, and not without', async () => {
      const connect = (how: string): Promise<ExecResult> =>
        overNetwork(
          'app',
          'app_password',
          `host=postgres ${how}`,
          'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
        )
      expect((await connect('sslmode=verify-full')).stdout.trim()).toMatch(/^TLSv1\.[23]$/)
      expect((await connect('sslmode=disable')).stderr).toContain('no encryption')
      expect(
        (await connect('sslmode=verify-full ssl_max_protocol_version=TLSv1.1 ssl_min_protocol_version=TLSv1'))
          .exitCode,
      ).toBe(2)
    })

    test('refuses the superuser, at the server and at the pool', async () => {
      for (const host of ['host=postgres', 'host=pgbouncer port=6432']) {
        const { exitCode, stderr } = await overNetwork(
          'claude_agent',
          'postgres_password',
          `${host} sslmode=verify-full`,
          'SELECT 1',
        )
        expect(exitCode, host).toBe(2)
        expect(stderr, host).toMatch(/pg_hba\.conf rejects connection|authentication failed|no such user/)
      }
    })
  })

  describe('the schema', () => {
    const events = 'enhanced_learning.shadowgit_events'
    const count = async (table: string): Promise<number> =>
      Number((await stack.query(`SELECT count(*) FROM ${table}`))[0]![0])

    test('has partitions for the month before, this one and a year ahead', async () => {
      const [[made]] = (await stack.query(
        `SELECT count(*) FROM pg_inherits WHERE inhparent = '${events}'::regclass`,
      )) as [[string]]
      // 14 months and the default.
      expect(made).toBe('15')
      expect(
        await stack.query("SELECT enhanced_learning.make_partitions((now() AT TIME ZONE 'UTC')::date, 12)"),
      ).toEqual([['0']])
    })

    test('keeps a row of a month without a partition, and moves it when there is one', async () => {
      const partition = 'enhanced_learning.shadowgit_events_2041_05'
      await asApp(`INSERT INTO ${events} (occurred_at, repository, commit_hash, kind)
                   VALUES ('2041-05-31 23:59:59.999999+00', 'future', repeat('b', 40), 'tag'),
                          ('2041-06-01 00:00:00+00', 'future', repeat('c', 40), 'tag')`)
      expect(await count(`${events}_default`)).toBe(2)
      const { findings } = JSON.parse((await sandbox.cli('status', '--json')).stdout) as {
        findings: Finding[]
      }
      expect(findings.find(({ check }) => check === 'partitions')).toMatchObject({
        severity: 'warning',
        message: expect.stringContaining('rows of a month without one') as string,
      })
      expect(await stack.query("SELECT enhanced_learning.make_partitions('2041-05-01', 0)")).toEqual([['1']])
      expect(await count(partition)).toBe(1)
      expect(await count(`${events}_default`)).toBe(1)
      expect(await asApp(`SELECT count(*)::int FROM ${events} WHERE repository = 'future'`)).toEqual([[2]])
    })

    test('loads sample events that are the same each time', async () => {
      const digest = `SELECT md5(string_agg(e::text, '' ORDER BY e.occurred_at)) FROM ${events} e WHERE details ? 'sequence'`
      const load = "SELECT enhanced_learning.load_sample_events(200, '2026-01-15 12:00:00+00')"
      expect(await asApp(load)).toEqual([['200']])
      const [first] = await asApp(digest)
      expect(
        await asApp(
          "SELECT count(*)::int FROM enhanced_learning.operation_embeddings WHERE model = 'sample'",
        ),
      ).toEqual([[20]])
      await asApp(`DELETE FROM ${events} WHERE details ? 'sequence'`)
      await asApp(load)
      expect((await asApp(digest))[0]).toEqual(first)
    })

    test('finds the nearest embedding', async () => {
      const nearest =
        await asApp(`SELECT a.event_id = b.event_id FROM enhanced_learning.operation_embeddings a,
        LATERAL (SELECT event_id FROM enhanced_learning.operation_embeddings o ORDER BY o.embedding <=> a.embedding LIMIT 1) b
        LIMIT 1`)
      expect(nearest).toEqual([[true]])
    })

    test('is migrated once; a migration that was changed afterwards is an error', async () => {
      const read = () => stack.query('SELECT name, applied_at FROM deployment.migrations ORDER BY name')
      const before = await read()
      expect(before.map(([name]) => name)).toEqual(['001-enhanced-learning'])
      expect((await sandbox.up()).migrations).toEqual([])
      expect(await read()).toEqual(before)

      await stack.query("UPDATE deployment.migrations SET sha256 = 'x' || sha256")
      await expect(sandbox.up()).rejects.toThrow(
        /001-enhanced-learning\.sql was changed after it was applied/,
      )
      await stack.query('UPDATE deployment.migrations SET sha256 = substr(sha256, 2)')
      expect((await sandbox.up()).migrations).toEqual([])
    })
  })

  test('roles are set again from the secrets', async () => {
    await stack.query(
      "ALTER ROLE monitor PASSWORD 'something else' SUPERUSER; REVOKE pg_monitor FROM monitor",
    )
    const login = (): Promise<ExecResult> =>
      overNetwork(
        'monitor',
        'monitor_password',
        'host=postgres sslmode=verify-full',
        "SELECT pg_has_role('pg_monitor', 'usage')",
      )
    expect((await login()).exitCode).toBe(2)
    expect(await stack.exec('postgres', ['/usr/local/lib/simdgres/set-roles.sh'])).toMatchObject({
      exitCode: 0,
    })
    expect((await login()).stdout.trim()).toBe('t')
    expect(await stack.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'monitor'")).toEqual([['f']])
  })

  test('no password of the stack is in a log, a statistic or what the engine shows', async () => {
    const secrets = readdirSync(join(sandbox.folder, 'secrets'))
      .filter((name) => name.endsWith('_password'))
      .map((name) => readFileSync(join(sandbox.folder, 'secrets', name), 'utf8').trim())
    expect(secrets.length).toBeGreaterThan(8)
    const statements = await stack.query('SELECT query FROM pg_stat_statements')
    let shown = JSON.stringify(statements)
    for (const name of ['postgres', 'pgbouncer', 'redis']) {
      shown += await stack.logs(name, 100_000)
      shown += JSON.stringify(await (await stack.container(name)).inspect())
    }
    expect(shown).toContain('database system is ready')
    expect(secrets.filter((secret) => shown.includes(secret))).toEqual([])
    expect(JSON.stringify(statements)).not.toMatch(/PASSWORD '/)
  })

  test('the cache answers over TLS with a password, and lets nobody administrate it', async () => {
    const redis = (
      command: string,
      how = '--tls --cacert /run/secrets/ca.crt --user cache',
    ): Promise<ExecResult> =>
      stack.exec('redis', [
        'bash',
        '-c',
        `REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli --no-auth-warning -h localhost ${how} ${command}`,
      ])
    expect((await redis('set a 1')).stdout.trim()).toBe('OK')
    expect((await redis('config get maxmemory')).stdout).toContain('NOPERM')
    expect((await redis('flushall')).stdout).toContain('NOPERM')
    expect((await redis('ping', '')).exitCode).not.toBe(0)
    const anonymous = await stack.exec('redis', [
      'redis-cli',
      '-h',
      'localhost',
      '--tls',
      '--cacert',
      '/run/secrets/ca.crt',
      'ping',
    ])
    expect(anonymous.stdout).toContain('NOAUTH')
  })

  test('an abort ends a command in its container, and the statement in the server', async () => {
    const controller = new AbortController()
    const options = { signal: controller.signal }
    const query = "SELECT 'to be aborted', pg_sleep(1000)"
    const psql = `PGPASSWORD="$(cat /run/secrets/postgres_password)" exec psql -h /var/run/postgresql -U claude_agent -c "${query}" postgres`
    const running = stack.exec('postgres', ['sh', '-c', psql], options)
    const late = stack.exec('postgres', ['sleep', '1000'], options)
    const outcomes = [running, late].map((run) => expect(run).rejects.toMatchObject({ code: 'ERR_ABORTED' }))
    const isActive = async (): Promise<boolean> => {
      const found = `SELECT count(*) FROM pg_stat_activity WHERE query = $$${query}$$`
      return (await stack.query(found))[0]?.[0] === '1'
    }
    const sleeps = async (): Promise<boolean> => {
      const { stdout } = await stack.exec('postgres', ['sh', '-c', 'cat /proc/[0-9]*/cmdline'])
      return stdout.includes('sleep\x001000')
    }
    await until(isActive, 30_000, 'the statement runs')
    await until(sleeps, 30_000, 'the command runs')
    controller.abort()
    await Promise.all(outcomes)
    await until(async () => !(await isActive()), 10_000, 'the statement is cancelled')
    await until(async () => !(await sleeps()), 10_000, 'the command is ended')
    // One that is aborted before it begins never begins.
    const neverRun = stack.exec('postgres', ['touch', '/tmp/begun'], options)
    await expect(neverRun).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect((await stack.exec('postgres', ['test', '-e', '/tmp/begun'])).exitCode).toBe(1)
  })
})
