import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import {
  describeWithEngine,
  exec,
  queryOnce,
  readLog,
  Sandbox,
  waitForEnd,
  waitForHealth,
  waitForLog,
} from './sandbox.js'

const initFolder = '/docker-entrypoint-initdb.d'

await describeWithEngine('the first boot', () => {
  test('refuses to start without a password and says how to give one', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({ environment: { POSTGRES_PASSWORD_FILE: '' } })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    expect(await readLog(container)).toMatch(/no password for the new database\. Set POSTGRES_PASSWORD_FILE/)
  })

  test('names a password file that is not there', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({ withoutSecret: true })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    expect(await readLog(container)).toContain('/run/secrets/postgres_password, which user 999 cannot read')
  })

  test('refuses both a password and a password file', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({ environment: { POSTGRES_PASSWORD: 'x' } })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    expect(await readLog(container)).toContain('both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set')
  })

  test('takes user, password and database as the official image does', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      environment: {
        POSTGRES_USER: 'somebody',
        POSTGRES_DB: 'some-db',
        POSTGRES_PASSWORD_FILE: '',
        POSTGRES_PASSWORD: 'plain',
      },
    })
    await waitForHealth(container, 'healthy')
    const { exitCode, output } = await exec(
      container,
      ...[
        'env',
        'PGPASSWORD=plain',
        'psql',
        '-h',
        '127.0.0.1',
        '-U',
        'somebody',
        '-d',
        'some-db',
        '-Atc',
        'SELECT current_user',
      ],
    )
    expect({ exitCode, output: output.trim() }).toEqual({ exitCode: 0, output: 'somebody' })
  })

  test('passes POSTGRES_INITDB_ARGS on', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.startReady({ environment: { POSTGRES_INITDB_ARGS: '--wal-segsize=32' } })
    expect(await sandbox.query(container, 'SHOW wal_segment_size')).toEqual([['32MB']])
  })

  test('takes quotes in POSTGRES_INITDB_ARGS as a shell does, and names one that is not closed', async () => {
    await using sandbox = new Sandbox()
    const icu = "--locale-provider=icu --icu-locale=und --icu-rules='&V << w <<< W'"
    const container = await sandbox.startReady({ environment: { POSTGRES_INITDB_ARGS: icu } })
    const rules = "SELECT daticurules FROM pg_database WHERE datname = 'template1'"
    expect(await sandbox.query(container, rules)).toEqual([['&V << w <<< W']])

    const open = await sandbox.start({ environment: { POSTGRES_INITDB_ARGS: "--icu-rules='&V" } })
    expect((await waitForEnd(open)).ExitCode).toBe(1)
    expect(await readLog(open)).toContain("POSTGRES_INITDB_ARGS (--icu-rules='&V) cannot be taken apart")
  })

  test.each([
    ['the line end of Windows', 'geheim123\r\n'],
    ['the mark of its editors', '\ufeffgeheim123\r\n'],
    ['no line end', 'geheim123'],
  ])('takes a password from a file with %s', async (_, text) => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      environment: { POSTGRES_PASSWORD_FILE: '/run/files/password' },
      files: { '/run/files': { password: text } },
    })
    await waitForHealth(container, 'healthy')
    const login = { ...(await sandbox.connection(container)), password: 'geheim123' }
    expect(await queryOnce(login, 'SELECT 1 AS one')).toEqual([[1]])
  })

  test('refuses a password file of two lines', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      environment: { POSTGRES_PASSWORD_FILE: '/run/files/password' },
      files: { '/run/files': { password: 'one\r\ntwo\n' } },
    })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    const log = await readLog(container)
    expect(log).toContain('POSTGRES_PASSWORD has more than one line')
    expect(log).not.toContain('two')
  })

  test('runs scripts of every kind once, in name order', async () => {
    await using sandbox = new Sandbox()
    const insert = (step: number): string => `INSERT INTO steps (step) VALUES (${step});`
    const container = await sandbox.startReady({
      files: {
        [initFolder]: {
          '10-make.sql': 'CREATE TABLE steps (n serial, step int); INSERT INTO steps (step) VALUES (10);',
          '20-run.sh': `#!/bin/sh\nset -e\npsql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c '${insert(20)}'\n`,
          '30-zipped.sql.gz': gzipSync(insert(30)),
          '40-note.txt': 'not a script',
        },
      },
    })
    const steps = async (): Promise<unknown[][]> =>
      sandbox.query(container, 'SELECT step FROM steps ORDER BY n')
    expect(await steps()).toEqual([[10], [20], [30]])
    await container.restart()
    await sandbox.waitUntilReady(container)
    expect(await steps()).toEqual([[10], [20], [30]])
  })

  test('keeps nothing of a boot whose script failed, so that the next start does not skip it', async () => {
    await using sandbox = new Sandbox()
    const dataVolume = await sandbox.createVolume()
    const failing = {
      '10-ok.sql': 'CREATE TABLE ok ();',
      '20-bad.sql': 'SELECT 1/0;',
      '30-never.sql': 'CREATE TABLE never ();',
    }
    const first = await sandbox.start({ dataVolume, files: { [initFolder]: failing } })
    expect((await waitForEnd(first)).ExitCode).toBe(1)
    expect(await readLog(first)).toMatch(/division by zero[\s\S]*the first boot failed/)

    await first.start()
    expect((await waitForEnd(first)).ExitCode).toBe(1)
    expect((await readLog(first)).match(/division by zero/g)?.length).toBeGreaterThanOrEqual(2)

    const second = await sandbox.startReady({
      dataVolume,
      files: { [initFolder]: { '20-good.sql': 'CREATE TABLE good ();' } },
    })
    const tables = await sandbox.query(
      second,
      `SELECT relname FROM pg_class WHERE relname IN ('ok', 'never', 'good')`,
    )
    expect(tables).toEqual([['good']])
  })

  test('starts afresh after a kill in the middle', async () => {
    await using sandbox = new Sandbox()
    const dataVolume = await sandbox.createVolume()
    const first = await sandbox.start({
      dataVolume,
      files: { [initFolder]: { 'a.sh': '#!/bin/sh\necho now waiting\nsleep 60\n' } },
    })
    await waitForLog(first, 'now waiting')
    await first.kill()
    await waitForEnd(first)
    const second = await sandbox.startReady({ dataVolume })
    expect(await readLog(second)).toContain('discarding an unfinished first boot')
    expect(
      await sandbox.query(second, `SELECT count(*)::int FROM pg_extension WHERE extname = 'simdgres'`),
    ).toEqual([[1]])
  })

  test('answers a stop at once, keeping nothing', async () => {
    await using sandbox = new Sandbox()
    const dataVolume = await sandbox.createVolume()
    const first = await sandbox.start({
      dataVolume,
      files: { [initFolder]: { 'a.sh': '#!/bin/sh\necho now waiting\nsleep 60\n' } },
    })
    await waitForLog(first, 'now waiting')
    await first.stop()
    // 137 would be the kill after the grace period.
    expect((await waitForEnd(first)).ExitCode).toBe(130)
    const second = await sandbox.startReady({ dataVolume })
    expect(await readLog(second)).not.toContain('discarding')
  })

  test('leaves alone a folder with files of others in it', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      files: { '/var/lib/postgresql/data/pgdata': { 'letter.txt': 'precious' } },
    })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    expect(await readLog(container)).toContain('holds files but no database')
    const archive = await container.getArchive({ path: '/var/lib/postgresql/data/pgdata/letter.txt' })
    expect(archive).toBeDefined()
  })

  test('is not healthy while scripts run, and healthy afterwards', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      // Until the test has seen what it wants to see.
      files: {
        [initFolder]: {
          'wait.sh': '#!/bin/sh\necho now waiting\nuntil [ -e /tmp/go ]; do sleep 0.1; done\n',
        },
      },
      change: (options) => {
        options.Healthcheck = {
          ...options.Healthcheck,
          Interval: 200_000_000,
          StartPeriod: 1_000_000,
          Retries: 1,
        }
      },
    })
    await waitForLog(container, 'now waiting')
    await waitForHealth(container, 'unhealthy')
    const overSocket = await exec(container, 'pg_isready', '-h', '/var/run/postgresql')
    expect(overSocket.exitCode).toBe(0)
    await exec(container, 'touch', '/tmp/go')
    await waitForHealth(container, 'healthy')
  })
})
