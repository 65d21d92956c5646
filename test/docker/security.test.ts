import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces, totalmem } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExecResult } from '#src/engine/exec.js'
import { readHealth } from '#src/engine/health.js'
import type { Stack } from '#src/stack/stack.js'
import { killEveryProcess, waitForRestart } from '../stack/crash.js'
import { runPsqlAs } from '../stack/psql-client.js'
import { expectSound } from '../stack/soundness.js'
import { StackSandbox } from '../stack/stack-sandbox.js'
import { AllContainers, canConnect, startEveryService } from './all-containers.js'
import { describeWithEngine } from './sandbox.js'

/**
 * Controls of a running stack with all of its profiles, by the numbers of the CIS Docker benchmark (D) where it has one;
 * who gets in, by what way, and what is written down about it (P); and what is left of that stack after crashes and its
 * removal. What the images themselves must be (4.4, 4.8, 4.10) is in test/stack/images.test.ts, what single roles may do
 * in test/stack/database.test.ts.
 */
await describeWithEngine('the security of the stack', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let services: readonly string[]
  let all: AllContainers

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    stack = await startEveryService(sandbox)
    services = Object.keys(stack.compose.services)
    all = await AllContainers.inspect(stack)
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const readSecret = (name: string): string => readFileSync(join(sandbox.folder, 'secrets', name), 'utf8')

  describe('containers', () => {
    test('there is one for every service of the compose file', () => {
      expect(services).toEqual(
        expect.arrayContaining(['postgres', 'pgbouncer', 'redis', 'backup', 'prometheus']),
      )
      expect(all.ofEach(({ State }) => State.Running)).toEqual(all.same(true))
    })

    test('D4.1 every process runs as a user that is not root', async () => {
      const users = await all.inEach(
        'sed -n "s/^Uid:\\t//p" /proc/[0-9]*/status 2>/dev/null | tr "\\t" "\\n" | sort -u',
      )
      expect(users).toEqual(all.ofEach(({ Config }) => Config.User.split(':')[0]))
      expect(Object.values(users)).not.toContain('0')
    })

    test('D4.6 every one has a health check and passes it', async () => {
      const health = services.map(async (name) => {
        // `running` where it has none.
        return [name, await readHealth(await stack.container(name), name, stack.signal)] as const
      })
      expect(Object.fromEntries(await Promise.all(health))).toEqual(all.same('healthy'))
    })

    test('D5.2 the filter of system calls is on', async () => {
      expect(await all.inEach('sed -n "s/^Seccomp:\\t//p" /proc/1/status')).toEqual(all.same('2'))
      expect(JSON.stringify(all.ofEach(({ HostConfig }) => HostConfig.SecurityOpt))).not.toContain(
        'unconfined',
      )
    })

    test('D5.4 no process has or can get a capability', async () => {
      const script = 'sed -n "s/^Cap[A-Z][a-z]*:\\t//p" /proc/[0-9]*/status 2>/dev/null | sort -u'
      await all.expectOfEach(script, all.same('0'.repeat(16)))
    })

    test('D5.5 none is privileged or shares a namespace of the host', () => {
      const shared = all.ofEach(
        ({ HostConfig: { Privileged, NetworkMode, PidMode, IpcMode, UTSMode, UsernsMode } }) => [
          Privileged,
          NetworkMode === 'host' || PidMode === 'host' || IpcMode === 'host',
          UTSMode === 'host' || UsernsMode === 'host',
        ],
      )
      expect(shared).toEqual(all.same([false, false, false]))
    })

    test('D5.6 mounts are volumes of the stack, and files of its folder that cannot be written', () => {
      for (const [name, { Mounts }] of all.inspected) {
        for (const { Type, Name, Source, RW } of Mounts) {
          if (Type === 'volume') expect(Name, name).toMatch(new RegExp(`^${sandbox.project}_`))
          else
            expect([Source.startsWith(`${sandbox.folder}/`), RW], `${name} ${Source}`).toEqual([true, false])
        }
      }
    })

    test('D5.11 memory and processors are limited, within the host, and memory is not swapped', async () => {
      for (const [name, { HostConfig }] of all.inspected) {
        expect(HostConfig.Memory, name).toBeGreaterThan(0)
        expect(HostConfig.Memory, name).toBeLessThan(totalmem())
        expect(HostConfig.MemorySwap, name).toBe(HostConfig.Memory)
        expect(HostConfig.NanoCpus, name).toBeGreaterThan(0)
      }
      const limit =
        'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes'
      expect(await all.inEach(limit)).toEqual(all.ofEach(({ HostConfig }) => String(HostConfig.Memory)))
    })

    test('D5.13 the root file system cannot be written, not even by root', async () => {
      for (const [name, output] of Object.entries(await all.inEach('touch /x /usr/local/x', '0:0'))) {
        expect(output.match(/Read-only file system/g), name).toHaveLength(2)
      }
    })

    test('D5.13 memory file systems have a size and run no program', () => {
      for (const [name, { HostConfig }] of all.inspected) {
        for (const [target, flags] of Object.entries((HostConfig.Tmpfs ?? {}) as Record<string, string>)) {
          const set = flags.split(',')
          expect(set, `${name} ${target}`).toEqual(expect.arrayContaining(['noexec', 'nosuid', 'nodev']))
          expect(flags, `${name} ${target}`).toMatch(/size=[1-9]/)
        }
      }
    })

    test('D5.15 all come back after a crash or a reboot, and not after a stop', () => {
      expect(all.ofEach(({ HostConfig }) => HostConfig.RestartPolicy?.Name)).toEqual(
        all.same('unless-stopped'),
      )
    })

    test('D5.19 open files are limited, and no core file is written', async () => {
      const read =
        'sed -n "s/^Max \\(open files\\|core file size\\) *\\([0-9a-z]*\\) *\\([0-9a-z]*\\).*/\\2 \\3/p" /proc/1/limits'
      expect(await all.inEach(read)).toEqual(all.same('0 0\n4096 4096'))
    })

    test('D5.26 no process can gain privileges', async () => {
      const script = 'sed -n "s/^NoNewPrivs:\\t//p" /proc/[0-9]*/status 2>/dev/null | sort -u'
      await all.expectOfEach(script, all.same('1'))
    })

    test('D5.29 processes are limited, and all that the database may start fit', async () => {
      for (const [name, { HostConfig }] of all.inspected)
        expect(HostConfig.PidsLimit, name).toBeGreaterThan(0)
      const [[needed]] = (await stack.query(
        `SELECT sum(setting::int) + 50 FROM pg_settings WHERE name IN
           ('max_connections', 'max_worker_processes', 'autovacuum_max_workers', 'max_wal_senders')`,
      )) as [[string]]
      expect(all.inspected.get('postgres')?.HostConfig.PidsLimit).toBeGreaterThanOrEqual(Number(needed))
    })

    test('the log of each is bounded', () => {
      expect(all.ofEach(({ HostConfig }) => HostConfig.LogConfig)).toEqual(
        all.same({ Type: 'json-file', Config: { 'max-size': '50m', 'max-file': '5' } }),
      )
    })
  })

  describe('networks', () => {
    test('D5.30 the stack has networks of its own, and PgBouncer and Alertmanager alone are on one that leads out', () => {
      const backend = stack.networkName('backend')
      expect(all.ofEach(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks).sort())).toEqual({
        ...all.same([backend]),
        pgbouncer: [backend, stack.networkName('edge')],
        // Only where alerts go to a webhook, as here.
        alertmanager: [backend, stack.networkName('edge')],
      })
    })

    test('the backend network is closed', async () => {
      const { Internal } = (await stack.engine.getNetwork(stack.networkName('backend')).inspect()) as {
        Internal: boolean
      }
      expect(Internal).toBe(true)
    })

    test('D5.8 one port is published, on the loopback', async () => {
      const published = all.ofEach(({ NetworkSettings }) =>
        Object.entries(NetworkSettings.Ports).flatMap(([port, bindings]) =>
          (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${port}`),
        ),
      )
      expect(published).toEqual({ ...all.same([]), pgbouncer: [`127.0.0.1:${sandbox.port}->6432/tcp`] })
      const others = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
      const outside = others.filter(({ internal, family }) => !internal && family === 'IPv4')
      expect(await canConnect('127.0.0.1', sandbox.port)).toBe(true)
      for (const { address } of outside) expect(await canConnect(address, sandbox.port), address).toBe(false)
    })
  })

  describe('secrets', () => {
    test('each file is readable by the user of its service alone, and cannot be written', async () => {
      const listed = await all.inEach('[ -d /run/secrets ] && stat -c "%n %u %a" /run/secrets/*')
      for (const [name, list] of Object.entries(listed)) {
        const uid = all.inspected.get(name)?.Config.User.split(':')[0]
        for (const line of list.split('\n').filter((file) => file !== '')) {
          expect(line).toMatch(line.includes('.crt ') ? /\.crt \d+ 444$/ : new RegExp(` ${uid} 400$`))
        }
      }
      expect(listed['postgres']?.split('\n').length).toBeGreaterThan(7)
    })

    test('no value of one is in what the engine shows, in a log, or in the arguments of a process', async () => {
      const names = readdirSync(join(sandbox.folder, 'secrets')).filter((name) => name.endsWith('_password'))
      const values = names.map(readSecret)
      expect(values.length).toBeGreaterThan(8)
      const processes = await all.inEach(
        'tr "\\0" " " </proc/1/cmdline; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null',
      )
      for (const [name, info] of all.inspected) {
        const history = await stack.engine.getImage(info.Image).history()
        const shown = [
          JSON.stringify([info, history]),
          processes[name],
          await stack.logs(name, 100_000),
        ].join('\n')
        expect(shown.length, name).toBeGreaterThan(1000)
        expect(
          values.filter((value) => shown.includes(value)),
          name,
        ).toEqual([])
      }
    })

    test('no variable of a container holds one', () => {
      for (const [name, { Config }] of all.inspected) {
        expect(
          Config.Env.filter((line) =>
            /^[^=]*(passw(or)?d|secret|token)[^=]*=(?!\/run\/secrets\/).|passw(or)?d=[^/]/i.test(line),
          ),
          name,
        ).toEqual([])
      }
    })
  })

  test('P-cache Redis writes nothing to disk and stays within its memory', async () => {
    const script =
      'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" exec redis-cli --no-auth-warning --tls --cacert /run/secrets/ca.crt -h localhost --user cache info everything'
    const { stdout } = await stack.exec('redis', ['sh', '-c', script])
    const limit = Number(/^maxmemory:(\d+)/m.exec(stdout)?.[1])
    expect(limit).toBeGreaterThan(0)
    expect(limit).toBeLessThan(all.inspected.get('redis')!.HostConfig.Memory!)
    expect(stdout).toMatch(/^maxmemory_policy:allkeys-lru/m)
    expect(stdout).toMatch(/^aof_enabled:0/m)
    expect(all.inspected.get('redis')?.Mounts.filter(({ RW }) => RW)).toEqual([])
  })

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
      const login = 'exec psql -wh /var/run/postgresql -U claude_agent -c "SELECT 1" postgres'
      const noPassword = await stack.exec('postgres', ['sh', '-c', login])
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
        expect(
          (await runPsqlAs(stack, 'app', 'app_password', `${host} sslmode=verify-full`)).exitCode,
          host,
        ).toBe(0)
        const { exitCode, stderr } = await runPsqlAs(stack, 'app', 'app_password', `${host} sslmode=disable`)
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
        WHERE rolcanlogin AND rolname <> 'claude_agent' AND (rolbypassrls OR setconfig IS NOT NULL) ORDER BY rolbypassrls DESC, rolname`)
      const limit = '{idle_in_transaction_session_timeout=10min}'
      expect(exceptions).toEqual([
        ['backup', 't', '{lo_compat_privileges=on}'],
        ...['app', 'monitor', 'pooler'].map((role) => [role, 'f', limit]),
      ])
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
      const asReplica = (role: string, mode: string): Promise<ExecResult> => {
        const to = `host=postgres replication=true sslmode=${mode}`
        return runPsqlAs(stack, role, `${role}_password`, to, 'IDENTIFY_SYSTEM')
      }
      expect((await asReplica('replication', 'verify-full')).exitCode).toBe(0)
      expect((await asReplica('replication', 'disable')).exitCode).toBe(2)
      expect((await asReplica('app', 'verify-full')).stderr).toContain('no pg_hba.conf entry')
    })
  })

  describe('records and integrity', () => {
    test('P-log logins, refusals, changes of tables and of rights are logged with time, role and database', async () => {
      await sandbox.query('CREATE TABLE app.logged ()')
      await sandbox.query('DROP TABLE app.logged')
      await stack.query('GRANT pg_monitor TO monitor')
      const refused = await runPsqlAs(stack, 'monitor', 'app_password', 'host=postgres sslmode=verify-full')
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
      const off = `SELECT name FROM pg_settings WHERE setting <> 'on' AND name IN
        ('log_checkpoints', 'log_connections', 'log_disconnections', 'log_lock_waits', 'log_replication_commands')`
      expect(await stack.query(off)).toEqual([])
    })

    test('P-integrity pages have checksums, none has failed, and every index and table is sound', () =>
      expectSound(stack))
  })

  /** Last: it takes the containers that the others look at, and then the data. */
  describe('what the stack keeps', () => {
    const proof = randomBytes(8).toString('hex')

    beforeAll(async () => {
      await sandbox.query('CREATE TABLE app.proof (word text)')
      await sandbox.query(`INSERT INTO app.proof VALUES ('${proof}')`)
    })

    const expectProof = async (): Promise<void> => {
      expect(await sandbox.query('SELECT word FROM app.proof')).toEqual([{ word: proof }])
    }

    test('down stops the server cleanly, and a second up has the data', async () => {
      const stack = await sandbox.open()
      const { code, stdout } = await sandbox.cli('down')
      expect(code).toBe(0)
      expect(stdout).toContain(`container ${stack.containerName('postgres')}`)
      expect(await sandbox.containerIds()).toEqual({})
      expect(await stack.listVolumes()).toContain('postgres_data')
      await sandbox.up()
      await expectProof()
      expect(await stack.logs('postgres', 200)).not.toContain('was not properly shut down')
    })

    test('kill -9 of every container: all of them come back by themselves, with the data', async () => {
      const stack = await sandbox.open()
      const before = await sandbox.containerIds()
      expect(Object.keys(before).sort()).toEqual(Object.keys(stack.compose.services).sort())
      const killed = await killEveryProcess(stack, Object.keys(before))
      await waitForRestart(stack, killed)
      // The same containers: nobody but the engine has done anything.
      expect(await sandbox.containerIds()).toEqual(before)
      await expectProof()
      expect(await stack.logs('postgres', 500)).toContain('was not properly shut down')
    })

    test('a dry run of down removes nothing', async () => {
      const before = await sandbox.containerIds()
      const { code } = await sandbox.cli('down', '--volumes', '--dry-run')
      expect(code).toBe(0)
      expect(await sandbox.containerIds()).toEqual(before)
    })

    test('down --volumes needs a confirmation, and then leaves nothing', async () => {
      const stack = await sandbox.open()
      const refused = await sandbox.cli('down', '--volumes')
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('--yes')
      await expectProof()
      expect((await sandbox.cli('down', '--volumes', '--yes')).code).toBe(0)
      expect(await stack.listVolumes()).toEqual([])
    })
  })
})
