import type { Container } from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runRegress } from '../pg/regress.js'
import { describeWithEngine, exec, queryOnce, Sandbox } from './sandbox.js'

await describeWithEngine('the PostgreSQL image', () => {
  let sandbox: Sandbox
  let container: Container

  beforeAll(async () => {
    sandbox = new Sandbox()
    container = await sandbox.startReady()
  })
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
  })

  test('runs as user 999', async () => {
    expect((await exec(container, 'id', '-u')).output.trim()).toBe('999')
  })

  test('keeps its sessions where a strange process fails that has lost its parent', async () => {
    const client = await sandbox.connect(container)
    try {
      const orphan = 'echo $$ >/tmp/orphan; while [ -e /tmp/wait ]; do sleep 0.1; done; exit 5'
      await exec(container, 'sh', '-c', `touch /tmp/wait; sh -c '${orphan}' >/dev/null 2>&1 &`)
      const wait = 'until pid=$(cat /tmp/orphan); do sleep 0.1; done; test "$(ps -o ppid= "$pid")" -eq 1'
      expect(await exec(container, 'sh', '-c', wait)).toMatchObject({ exitCode: 0 })
      await exec(
        container,
        'sh',
        '-c',
        'rm /tmp/wait; while [ -e /proc/$(cat /tmp/orphan) ]; do sleep 0.1; done',
      )
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    } finally {
      await client.end()
    }
  })

  test.each(['cc', 'gcc', 'g++', 'clang', 'make', 'cmake', 'ld'])('has no %s', async (tool) => {
    const { exitCode } = await exec(container, 'sh', '-c', `command -v ${tool}`)
    expect(exitCode).not.toBe(0)
  })

  test('has no file that changes its user, and no key pair of its own', async () => {
    expect(await sandbox.runAsRoot('find', '/', '-xdev', '-type', 'f', '-perm', '/6000')).toBe('')
    expect(await sandbox.runAsRoot('find', '/etc', '-name', '*snakeoil*')).toBe('')
  })

  test('has the files of the extension, the scripts of the server, and no sources', async () => {
    const files = await sandbox.runAsRoot('find', '/', '-xdev', '-type', 'f', '-path', '*simdgres*')
    const isOfExtension = (path: string): boolean => !path.startsWith('/usr/local/lib/simdgres/')
    expect(files.split('\n').filter(isOfExtension).sort()).toEqual([
      '/usr/lib/postgresql/17/lib/simdgres.so',
      '/usr/share/postgresql/17/extension/simdgres--0.1.0--0.2.0.sql',
      '/usr/share/postgresql/17/extension/simdgres--0.1.0.sql',
      '/usr/share/postgresql/17/extension/simdgres.control',
    ])
    expect(files).not.toMatch(/\.(c|h|o|ts)$/m)
  })

  test('runs with the parameters of the stack, so that their cost is measured', async () => {
    const rows = await sandbox.query(container, 'SELECT name, setting FROM pg_settings')
    expect(Object.fromEntries(rows)).toMatchObject({
      wal_level: 'logical',
      archive_mode: 'on',
      shared_preload_libraries: 'pg_stat_statements,pgaudit',
      log_connections: 'on',
      log_statement: 'ddl',
      ssl: 'off',
    })
  })

  test('archives nothing, and reports no failure, while there is no repository', async () => {
    await sandbox.query(container, `SELECT pg_logical_emit_message(false, 'test', 'a record to archive')`)
    await sandbox.query(container, 'SELECT pg_switch_wal()')
    const archiver = async (): Promise<unknown[]> =>
      (
        await sandbox.query(
          container,
          'SELECT archived_count::int > 0, failed_count::int FROM pg_stat_archiver',
        )
      )[0]!
    await expect.poll(archiver, { timeout: 30_000 }).toEqual([true, 0])
    expect((await exec(container, 'ls', '-A', '/backups')).output).toBe('')
  })

  test('says what it is: labels, port, stop signal, health check', async () => {
    const { Config } = await sandbox.engine.getImage(sandbox.service.image).inspect()
    expect(Config.Labels['org.opencontainers.image.licenses']).toBe('MIT')
    expect(Object.keys(Config.ExposedPorts ?? {})).toEqual(['5432/tcp'])
    expect(Config).toMatchObject({ StopSignal: 'SIGINT', User: '999:999' })
    expect(Config.Healthcheck?.Test).toContain('--host=127.0.0.1')
  })

  test('its healthcheck, signal and user are those of the compose file', async () => {
    const { Config } = await sandbox.engine.getImage(sandbox.service.image).inspect()
    expect(sandbox.service.user).toBe(Config.User)
    expect(sandbox.service.stop_signal).toBe((Config as { StopSignal?: string }).StopSignal)
    expect(sandbox.service.healthcheck?.test).toEqual(Config.Healthcheck?.Test)
  })

  test('has both extensions in its database, and their distances agree', async () => {
    const rows = await sandbox.query(
      container,
      `WITH v AS (SELECT i, (SELECT array_agg(sin(i * 13 + j * 7)::real) FROM generate_series(1, 100) j)::vector AS e
                  FROM generate_series(1, 60) i)
       SELECT count(*)::int,
              max(abs((a.e <-> b.e) - simd_l2_distance(a.e, b.e))),
              max(abs((a.e <=> b.e) - simd_cosine_distance(a.e, b.e))),
              max(abs((a.e <+> b.e) - simd_l1_distance(a.e, b.e))),
              max(abs((a.e <#> b.e) + simd_inner_product(a.e, b.e)))
       FROM v a CROSS JOIN v b`,
    )
    const [pairs, ...differences] = rows[0]!.map(Number)
    expect(pairs).toBe(3600)
    for (const difference of differences) expect(difference).toBeLessThan(1e-4)
  })

  test("passes the extension's regression suite", async () => {
    await runRegress(await sandbox.connection(container))
  })

  test('encodes in UTF-8, checks pages, and takes scram-sha-256 alone', async () => {
    const one = async (sql: string): Promise<unknown> => (await sandbox.query(container, sql))[0]![0]
    expect(await one('SHOW server_encoding')).toBe('UTF8')
    expect(await one('SHOW data_checksums')).toBe('on')
    expect(await one(`SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules`)).toBe(
      'scram-sha-256',
    )
    expect(await one(`SELECT count(*)::int FROM pg_authid WHERE rolpassword NOT LIKE 'SCRAM%'`)).toBe(0)
    const connection = await sandbox.connection(container)
    await expect(queryOnce({ ...connection, password: 'wrong' }, 'SELECT 1')).rejects.toThrow(
      /password authentication failed/,
    )
  })

  test('keeps the password out of its environment and of what the engine shows', async () => {
    const shown = JSON.stringify(await container.inspect())
    expect(shown).not.toContain('pecial')
    const environment = await exec(container, 'sh', '-c', 'tr "\\0" "\\n" < /proc/1/environ')
    expect(environment.exitCode).toBe(0)
    expect(environment.output).toContain('PGDATA=')
    expect(environment.output).not.toMatch(/pecial|PGPASSWORD/)
  })
})

await describeWithEngine('a forced instruction set', () => {
  test('is the one that SQL shows', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.startReady({ isa: 'scalar' })
    expect(await sandbox.query(container, 'SELECT simdgres_isa()')).toEqual([['scalar']])
  })
})
