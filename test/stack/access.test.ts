import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExecResult, Stack } from '../../src/stack/project.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

/** Who gets in, by what way, and what is written down about it. What single roles may do is in database.test.ts. */
await describeWithEngine('access to the stack', () => {
  let sandbox: StackSandbox
  let stack: Stack

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
    stack = await sandbox.open()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const readSecret = (name: string): string => readFileSync(join(sandbox.folder, 'secrets', name), 'utf8')

  describe('logging in', () => {
    test('P-auth the server takes password verifiers only, over the socket as well', async () => {
      expect(await stack.query('SELECT DISTINCT auth_method FROM pg_hba_file_rules ORDER BY 1')).toEqual([
        ['reject'],
        ['scram-sha-256'],
      ])
      expect(
        await stack.query('SELECT type, database, user_name FROM pg_hba_file_rules WHERE error IS NOT NULL'),
      ).toEqual([])
      expect(
        await stack.query(`SELECT rolname FROM pg_authid WHERE rolcanlogin
                           AND rolpassword IS DISTINCT FROM 'SCRAM-SHA-256$' || split_part(rolpassword, '$', 2) || '$' || split_part(rolpassword, '$', 3)`),
      ).toEqual([])
      const noPassword = await stack.exec('postgres', [
        'psql',
        '-wh',
        '/var/run/postgresql',
        '-U',
        'claude_agent',
        '-c',
        'SELECT 1',
        'postgres',
      ])
      expect(noPassword.exitCode).toBe(2)
      expect(noPassword.stderr).toContain('no password supplied')
    })

    test('P-TLS the server encrypts with 1.2 or newer, with a key that nobody else reads, and takes nothing else', async () => {
      expect(
        await stack.query(
          "SELECT name, setting FROM pg_settings WHERE name IN ('ssl', 'ssl_min_protocol_version') ORDER BY 1",
        ),
      ).toEqual([
        ['ssl', 'on'],
        ['ssl_min_protocol_version', 'TLSv1.2'],
      ])
      const types = await stack.query('SELECT DISTINCT type FROM pg_hba_file_rules ORDER BY 1')
      expect(types).toEqual([['hostssl'], ['local']])
      const { stdout } = await stack.exec('postgres', ['stat', '-c', '%u %a', '/run/secrets/tls.key'])
      expect(stdout.trim()).toBe('999 400')
    })

    test('P-TLS neither the pool nor the server lets a client in without encryption', async () => {
      for (const host of ['host=postgres', 'host=pgbouncer port=6432']) {
        expect((await asClient('app', 'app_password', `${host} sslmode=verify-full`)).exitCode, host).toBe(0)
        const { exitCode, stderr } = await asClient('app', 'app_password', `${host} sslmode=disable`)
        expect(exitCode, host).toBe(2)
        expect(stderr, host).toMatch(/SSL required|no encryption/)
      }
    })

    test('P-TLS both ways of a query are encrypted, and the client knows whom it talks to', async () => {
      const [row] = await sandbox.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      expect(row).toEqual({ ssl: true, version: expect.stringMatching(/^TLSv1\.[23]$/) as string })
      const clients = await stack.poolerAdmin('SHOW CLIENTS')
      const remote = clients.filter(({ addr }) => addr !== 'unix')
      for (const { tls } of remote) expect(tls).toMatch(/^TLSv1\.[23]/)
      const stranger = new pg.Client({
        host: '127.0.0.1',
        port: sandbox.port,
        user: 'app',
        password: readSecret('client/app_password'),
        database: 'claude_agents_auth',
        ssl: { ca: readSecret('redis.crt') },
      })
      await expect(stranger.connect()).rejects.toThrow(/certificate/)
    })

    test('P-TLS the pool does not talk to a server whose certificate has another name', async () => {
      // An alias that the certificate does not have.
      await stack.repointPool(stack.containerName('postgres'))
      const query = sandbox.query('SELECT 1 AS one').catch((error: unknown) => error)
      try {
        await expect
          .poll(() => stack.logs('pgbouncer', 50), { timeout: 60_000 })
          .toMatch(/name .* not present in server certificate/)
      } finally {
        await stack.repointPool(stack.primary)
      }
      await query
      // The pool remembers a failed login for a second.
      await expect
        .poll(() => sandbox.query('SELECT 1 AS one').catch(String), { timeout: 60_000 })
        .toEqual([{ one: 1 }])
    })

    test('P-pool the settings are those of the file, and statistics are all that their role sees', async () => {
      const settings = Object.fromEntries(
        (await stack.poolerAdmin('SHOW CONFIG')).map(({ key, value }) => [key, value]),
      )
      expect(settings).toMatchObject({
        auth_type: 'scram-sha-256',
        admin_users: '',
        stats_users: 'stats',
        client_tls_sslmode: 'require',
        client_tls_protocols: 'secure',
        server_tls_sslmode: 'verify-full',
        server_tls_protocols: 'secure',
      })
      const asStats = (command: string): Promise<ExecResult> =>
        stack.exec('pgbouncer', [
          'sh',
          '-c',
          'PGPASSWORD="$(cat /run/secrets/stats_password)" exec psql "host=localhost port=6432 user=stats dbname=pgbouncer sslmode=verify-full sslrootcert=/run/secrets/ca.crt" -c "$0"',
          command,
        ])
      expect((await asStats('SHOW POOLS')).exitCode).toBe(0)
      expect((await asStats('PAUSE')).stderr).toContain('admin access needed')
    })
  })

  describe('rights in the database', () => {
    test('P-priv roles are limited in number of connections and in rights, and leave room for the administrator', async () => {
      const roles =
        await stack.query(`SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> 'claude_agent'
        AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolconnlimit < 1)`)
      expect(roles).toEqual([])
      const exceptions = await stack.query(`SELECT rolname, rolbypassrls, setconfig FROM pg_roles
        LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid
        WHERE rolcanlogin AND rolname <> 'claude_agent' AND (rolbypassrls OR setconfig IS NOT NULL)`)
      expect(exceptions).toEqual([['backup', 't', '{lo_compat_privileges=on}']])
      const [[free]] = (await stack.query(`SELECT current_setting('max_connections')::int
          - current_setting('superuser_reserved_connections')::int - sum(rolconnlimit) FROM pg_roles
        WHERE rolcanlogin AND NOT rolsuper AND NOT rolreplication`)) as [[string]]
      expect(Number(free)).toBeGreaterThanOrEqual(0)
    })

    test('P-public nobody may connect or create without being told so', async () => {
      expect(
        await stack.query(`SELECT datname FROM pg_database WHERE datallowconn
          AND EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0)`),
      ).toEqual([])
      expect(
        await stack.query(`SELECT nspname FROM pg_namespace
          WHERE EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = 0 AND privilege_type = 'CREATE')`),
      ).toEqual([])
    })

    test('P-secdef functions with the rights of their owner pin their search path, and are not for everybody to call', async () => {
      const functions = await stack.query(`SELECT oid::regprocedure::text,
          EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
        FROM pg_proc WHERE prosecdef AND prorettype <> 'event_trigger'::regtype ORDER BY 1`)
      expect(functions.map(([name]) => name)).toContain('pooler.find_user(text)')
      for (const [name, isPublic] of functions) expect(isPublic, name ?? '').toBe('f')
      expect(
        await stack.query(`SELECT oid::regprocedure::text FROM pg_proc
          WHERE prosecdef AND coalesce(proconfig::text, '') !~ 'search_path=' ORDER BY 1`),
      ).toEqual([])
    })

    test('P-repl one role replicates, with TLS, and no other may', async () => {
      expect(
        await stack.query(
          `SELECT type, user_name, auth_method FROM pg_hba_file_rules WHERE 'replication' = ANY (database)`,
        ),
      ).toEqual([['hostssl', '{replication}', 'scram-sha-256']])
      const to = 'host=postgres replication=true'
      expect(
        (
          await asClient(
            'replication',
            'replication_password',
            `${to} sslmode=verify-full`,
            'IDENTIFY_SYSTEM',
          )
        ).exitCode,
      ).toBe(0)
      expect(
        (await asClient('replication', 'replication_password', `${to} sslmode=disable`, 'IDENTIFY_SYSTEM'))
          .exitCode,
      ).toBe(2)
      expect(
        (await asClient('app', 'app_password', `${to} sslmode=verify-full`, 'IDENTIFY_SYSTEM')).stderr,
      ).toContain('no pg_hba.conf entry')
    })
  })

  describe('records and integrity', () => {
    test('P-log logins, refusals, changes of tables and of rights are logged with time, role and database', async () => {
      await sandbox.query('CREATE TABLE app.logged ()')
      await sandbox.query('DROP TABLE app.logged')
      await stack.query('GRANT pg_monitor TO monitor')
      const refused = await asClient('monitor', 'app_password', 'host=postgres sslmode=verify-full')
      expect(refused.exitCode).toBe(2)
      const log = await stack.logs('postgres', 2000)
      const prefix = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] `
      expect(log).toMatch(new RegExp(`${prefix}app@claude_agents_auth .*statement: CREATE TABLE app.logged`))
      expect(log).toMatch(
        new RegExp(`${prefix}claude_agent@claude_agents_auth .*AUDIT: .*GRANT pg_monitor TO monitor`),
      )
      expect(log).toMatch(/password authentication failed for user "monitor"/)
      expect(log).toMatch(/connection authorized: user=app database=claude_agents_auth .*SSL enabled/)
      expect(log).toContain('disconnection: session time')
      const names = [
        'log_checkpoints',
        'log_connections',
        'log_disconnections',
        'log_lock_waits',
        'log_replication_commands',
      ]
      expect(
        await stack.query(
          `SELECT name FROM pg_settings WHERE setting <> 'on' AND name IN ('${names.join("','")}')`,
        ),
      ).toEqual([])
    })

    test('P-integrity pages have checksums, none has failed, and every index and table is sound', async () => {
      expect(await stack.query('SHOW data_checksums')).toEqual([['on']])
      expect(await stack.query('SELECT sum(checksum_failures) FROM pg_stat_database')).toEqual([['0']])
      const { exitCode, stdout, stderr } = await stack.exec('postgres', [
        'sh',
        '-c',
        'PGPASSWORD="$(cat /run/secrets/postgres_password)" exec pg_amcheck --all --install-missing --heapallindexed -h /var/run/postgresql -U claude_agent',
      ])
      expect([exitCode, stdout, stderr]).toEqual([0, '', ''])
    })
  })

  /** psql from inside the server's container over the network, with one of its mounted passwords. */
  function asClient(user: string, secret: string, connection: string, sql = 'SELECT 1'): Promise<ExecResult> {
    const script = `PGPASSWORD="$(cat /run/secrets/${secret})" exec psql -wAtc "$1" "$0"`
    const target = `user=${user} dbname=claude_agents_auth sslrootcert=/run/secrets/ca.crt ${connection}`
    return stack.exec('postgres', ['sh', '-c', script, target, sql])
  }
})
