import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, totalmem } from 'node:os'
import { join } from 'node:path'
import type { ContainerInspectInfo } from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planDown, takeDown } from '../../src/stack/down.js'
import { readHealth } from '../../src/stack/health.js'
import type { Stack } from '../../src/stack/project.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { killEveryProcess, waitForRestart } from './crash.js'
import { StackSandbox } from './stack-sandbox.js'

/**
 * Controls of a running stack with all of its profiles, by the numbers of the CIS Docker benchmark where it has one, and
 * what is left of that stack after crashes and its removal. What the images themselves must be (4.4, 4.8, 4.10) is in
 * images.test.ts, logins and rights are in access.test.ts.
 */
await describeWithEngine('the containers of the stack', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let services: readonly string[]
  const inspected = new Map<string, ContainerInspectInfo>()

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    stack = await sandbox.open()
    services = Object.keys(stack.compose.services)
    const profiles = [
      ...new Set(Object.values(stack.compose.services).flatMap((service) => service.profiles)),
    ]
    for (const service of services) await stack.ensureImage(service)
    await sandbox.up({ profiles })
    // Once more on used volumes, where rights of files are others than on the first start.
    stack = await sandbox.open()
    await takeDown(stack, await planDown(stack, false))
    await sandbox.up({ profiles })
    for (const name of services) inspected.set(name, await (await stack.container(name)).inspect())
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  /** One value for each service. */
  const ofEach = <T>(read: (info: ContainerInspectInfo) => T): Record<string, T> =>
    Object.fromEntries([...inspected].map(([name, info]) => [name, read(info)]))
  const same = <T>(value: T): Record<string, T> => Object.fromEntries(services.map((name) => [name, value]))
  const inEach = async (script: string, user?: string): Promise<Record<string, string>> => {
    const outputs: Record<string, string> = {}
    for (const name of services) {
      const { stdout, stderr } = await stack.exec(name, ['sh', '-c', script], user ? { user } : {})
      outputs[name] = (stdout + stderr).trim()
    }
    return outputs
  }
  /** Asked again: the engine's own process is seen for a moment, with its rights, while it begins a health check. */
  const expectOfEach = (script: string, expected: Record<string, string>): Promise<void> =>
    expect.poll(() => inEach(script), { timeout: 120_000, interval: 500 }).toEqual(expected)
  const readSecret = (name: string): string => readFileSync(join(sandbox.folder, 'secrets', name), 'utf8')

  describe('containers', () => {
    test('there is one for every service of the compose file', () => {
      expect(services).toEqual(
        expect.arrayContaining(['postgres', 'pgbouncer', 'redis', 'backup', 'prometheus']),
      )
      expect(ofEach(({ State }) => State.Running)).toEqual(same(true))
    })

    test('D4.1 every process runs as a user that is not root', async () => {
      const users = await inEach(
        'sed -n "s/^Uid:\\t//p" /proc/[0-9]*/status 2>/dev/null | tr "\\t" "\\n" | sort -u',
      )
      expect(users).toEqual(ofEach(({ Config }) => Config.User.split(':')[0]))
      expect(Object.values(users)).not.toContain('0')
    })

    test('D4.6 every one has a health check and passes it', async () => {
      const health = services.map(async (name) => {
        // `running` where it has none.
        return [name, await readHealth(await stack.container(name), name, stack.signal)] as const
      })
      expect(Object.fromEntries(await Promise.all(health))).toEqual(same('healthy'))
    })

    test('D5.2 the filter of system calls is on', async () => {
      expect(await inEach('sed -n "s/^Seccomp:\\t//p" /proc/1/status')).toEqual(same('2'))
      expect(JSON.stringify(ofEach(({ HostConfig }) => HostConfig.SecurityOpt))).not.toContain('unconfined')
    })

    test('D5.4 no process has or can get a capability', async () => {
      const script = 'sed -n "s/^Cap[A-Z][a-z]*:\\t//p" /proc/[0-9]*/status 2>/dev/null | sort -u'
      await expectOfEach(script, same('0'.repeat(16)))
    })

    test('D5.5 none is privileged or shares a namespace of the host', () => {
      const shared = ofEach(
        ({ HostConfig: { Privileged, NetworkMode, PidMode, IpcMode, UTSMode, UsernsMode } }) => [
          Privileged,
          NetworkMode === 'host' || PidMode === 'host' || IpcMode === 'host',
          UTSMode === 'host' || UsernsMode === 'host',
        ],
      )
      expect(shared).toEqual(same([false, false, false]))
    })

    test('D5.6 mounts are volumes of the stack, and files of its folder that cannot be written', () => {
      for (const [name, { Mounts }] of inspected) {
        for (const { Type, Name, Source, RW } of Mounts) {
          if (Type === 'volume') expect(Name, name).toMatch(new RegExp(`^${sandbox.project}_`))
          else
            expect([Source.startsWith(`${sandbox.folder}/`), RW], `${name} ${Source}`).toEqual([true, false])
        }
      }
    })

    test('D5.11 memory and processors are limited, within the host, and memory is not swapped', async () => {
      for (const [name, { HostConfig }] of inspected) {
        expect(HostConfig.Memory, name).toBeGreaterThan(0)
        expect(HostConfig.Memory, name).toBeLessThan(totalmem())
        expect(HostConfig.MemorySwap, name).toBe(HostConfig.Memory)
        expect(HostConfig.NanoCpus, name).toBeGreaterThan(0)
      }
      const limit =
        'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes'
      expect(await inEach(limit)).toEqual(ofEach(({ HostConfig }) => String(HostConfig.Memory)))
    })

    test('D5.13 the root file system cannot be written, not even by root', async () => {
      for (const [name, output] of Object.entries(await inEach('touch /x /usr/local/x', '0:0'))) {
        expect(output.match(/Read-only file system/g), name).toHaveLength(2)
      }
    })

    test('D5.13 memory file systems have a size and run no program', () => {
      for (const [name, { HostConfig }] of inspected) {
        for (const [target, flags] of Object.entries((HostConfig.Tmpfs ?? {}) as Record<string, string>)) {
          const set = flags.split(',')
          expect(set, `${name} ${target}`).toEqual(expect.arrayContaining(['noexec', 'nosuid', 'nodev']))
          expect(flags, `${name} ${target}`).toMatch(/size=[1-9]/)
        }
      }
    })

    test('D5.15 all come back after a crash or a reboot, and not after a stop', () => {
      expect(ofEach(({ HostConfig }) => HostConfig.RestartPolicy?.Name)).toEqual(same('unless-stopped'))
    })

    test('D5.19 open files are limited, and no core file is written', async () => {
      const read =
        'sed -n "s/^Max \\(open files\\|core file size\\) *\\([0-9a-z]*\\) *\\([0-9a-z]*\\).*/\\2 \\3/p" /proc/1/limits'
      expect(await inEach(read)).toEqual(same('0 0\n4096 4096'))
    })

    test('D5.26 no process can gain privileges', async () => {
      const script = 'sed -n "s/^NoNewPrivs:\\t//p" /proc/[0-9]*/status 2>/dev/null | sort -u'
      await expectOfEach(script, same('1'))
    })

    test('D5.29 processes are limited, and all that the database may start fit', async () => {
      for (const [name, { HostConfig }] of inspected) expect(HostConfig.PidsLimit, name).toBeGreaterThan(0)
      const [[needed]] = (await stack.query(
        `SELECT sum(setting::int) + 50 FROM pg_settings WHERE name IN
           ('max_connections', 'max_worker_processes', 'autovacuum_max_workers', 'max_wal_senders')`,
      )) as [[string]]
      expect(inspected.get('postgres')?.HostConfig.PidsLimit).toBeGreaterThanOrEqual(Number(needed))
    })

    test('the log of each is bounded', () => {
      expect(ofEach(({ HostConfig }) => HostConfig.LogConfig)).toEqual(
        same({ Type: 'json-file', Config: { 'max-size': '50m', 'max-file': '5' } }),
      )
    })
  })

  describe('networks', () => {
    test('D5.30 the stack has networks of its own, and PgBouncer alone is on one that leads out', () => {
      const backend = stack.networkName('backend')
      expect(ofEach(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks).sort())).toEqual({
        ...same([backend]),
        pgbouncer: [backend, stack.networkName('edge')],
      })
    })

    test('the backend network is closed', async () => {
      const { Internal } = (await stack.engine.getNetwork(stack.networkName('backend')).inspect()) as {
        Internal: boolean
      }
      expect(Internal).toBe(true)
    })

    test('D5.8 one port is published, on the loopback', async () => {
      const published = ofEach(({ NetworkSettings }) =>
        Object.entries(NetworkSettings.Ports).flatMap(([port, bindings]) =>
          (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${port}`),
        ),
      )
      expect(published).toEqual({ ...same([]), pgbouncer: [`127.0.0.1:${sandbox.port}->6432/tcp`] })
      const others = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
      const outside = others.filter(({ internal, family }) => !internal && family === 'IPv4')
      expect(await canConnect('127.0.0.1', sandbox.port)).toBe(true)
      for (const { address } of outside) expect(await canConnect(address, sandbox.port), address).toBe(false)
    })
  })

  describe('secrets', () => {
    test('each file is readable by the user of its service alone, and cannot be written', async () => {
      const listed = await inEach('[ -d /run/secrets ] && stat -c "%n %u %a" /run/secrets/*')
      for (const [name, list] of Object.entries(listed)) {
        const uid = inspected.get(name)?.Config.User.split(':')[0]
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
      const processes = await inEach(
        'tr "\\0" " " </proc/1/cmdline; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null',
      )
      for (const [name, info] of inspected) {
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
      for (const [name, { Config }] of inspected) {
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
    expect(limit).toBeLessThan(inspected.get('redis')!.HostConfig.Memory!)
    expect(stdout).toMatch(/^maxmemory_policy:allkeys-lru/m)
    expect(stdout).toMatch(/^aof_enabled:0/m)
    expect(inspected.get('redis')?.Mounts.filter(({ RW }) => RW)).toEqual([])
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

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5000 })
    const finish = (result: boolean) => (): void => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', finish(true)).once('error', finish(false)).once('timeout', finish(false))
  })
}
