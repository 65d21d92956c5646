import { execFileSync } from 'node:child_process'
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { dockerFolder } from '#src/config/stack.js'
import { discardTarget } from '#src/stack/move/remains.js'
import { moveSettings, planMove } from '#src/stack/move/replication.js'
import { startStandby, waitForStandby } from '#src/stack/move/standby.js'
import { readAddress } from '#src/stack/pool/pooler.js'
import type { ExtraMount } from '#src/stack/services/service-changes.js'
import type { Stack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[]
}

const source = join(dockerFolder, 'monitoring')

/** Metrics that exist only while there is a standby, a slot or a backup. */
const sometimes = /^simdgres_(replica|slot|backup_last)_|^ALERTS$/

const readSource = (name: string): Promise<string> => readFile(join(source, name), 'utf8')

async function listRules(): Promise<{ alert: string; expr: string }[]> {
  const { groups } = parse(await readSource('rules/stack.yml')) as RuleFile
  return groups.flatMap(({ rules }) => rules)
}

/** Names of metrics in an expression: what is neither a function, a keyword nor a label. */
function findMetrics(expression: string): string[] {
  const bare = expression
    .replace(/\{[^}]*\}/g, '')
    .replace(/"[^"]*"/g, '')
    .replace(/\b(by|on)\s*\([^)]*\)/g, '')
  return [...bare.matchAll(/\b(?:up|ALERTS|(?:pg|pgbouncer|node|simdgres)_\w+)\b/g)].map(([name]) => name)
}

await describeWithEngine('the monitoring of the stack', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let folder: string
  let receiver: Server | undefined
  /** Names of the alerts that the webhook was told are firing. */
  const received = new Set<string>()

  /** Somebody to be told, on this machine; resolves to the address for containers. */
  const listen = async (): Promise<string> => {
    const server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      request.on('end', () => {
        const { alerts } = JSON.parse(body) as {
          alerts: { status: string; labels: Record<string, string> }[]
        }
        for (const { status, labels } of alerts) {
          if (status === 'firing') received.add(`${labels['alertname']} ${request.url}`)
        }
        response.end()
      })
    })
    receiver = server
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
    const { IPAM } = (await stack.engine.getNetwork('bridge').inspect()) as {
      IPAM: { Config: { Gateway?: string }[] }
    }
    // The engine names the gateway of its own bridge only if somebody chose it.
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    const outside = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
    const address = IPAM.Config[0]?.Gateway ?? outside?.address
    const { port } = server.address() as { port: number }
    return `http://${address}:${port}/hook?token=of-the-test`
  }

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    stack = await sandbox.open()
    const settings = { ALERT_WEBHOOK_URL: await listen() }
    await sandbox.up({ profiles: ['monitoring'], settings })
    stack = await sandbox.open()
    folder = await mkdtemp(join(tmpdir(), 'simdgres-monitoring-'))
    await chmod(folder, 0o755)
  })
  afterAll(async () => {
    receiver?.close()
    await sandbox?.[Symbol.asyncDispose]()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  const promtool = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await stack.exec('prometheus', ['promtool', ...args])
    expect(exitCode, `${stdout}${stderr}`).toBe(0)
    return stdout
  }

  type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: [number, string] }
  /** From the host, at the container's address: no port is published. */
  const query = async (expression: string): Promise<Sample[]> => {
    const url = `http://${await readAddress(stack, 'prometheus')}:9090/api/v1/query`
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ query: expression }) })
    const answer = (await response.json()) as { data?: { result: Sample[] }; error?: string }
    if (answer.data === undefined) throw new Error(`${expression}: ${answer.error}`)
    return answer.data.result
  }

  const listFiring = async (): Promise<string[]> => {
    const samples = await query('ALERTS{alertstate="firing"}')
    return [...new Set(samples.map(({ metric }) => metric['alertname']!))].sort()
  }

  const expectFiring = (alert: string): Promise<void> =>
    expect.poll(listFiring, { timeout: 60_000, interval: 500 }).toContain(alert)
  const expectQuiet = (alert: string): Promise<void> =>
    expect.poll(listFiring, { timeout: 60_000, interval: 500 }).not.toContain(alert)

  /** The same rules, without the patience that they have in production. */
  const makeImpatient = async (): Promise<void> => {
    await cp(source, folder, { recursive: true })
    const edit = async (name: string, change: (text: string) => string): Promise<void> =>
      writeFile(join(folder, name), change(await readSource(name)))
    // The exporter takes a second to find that a server is away.
    await edit('prometheus.yml', (text) => text.replace(/(scrape|evaluation)_(\w+): 1\d+s/g, '$1_$2: 2s'))
    await edit('rules/stack.yml', (text) =>
      text
        .replaceAll(/^ +for: .*\n/gm, '')
        .replaceAll('[10m]', '[30s]')
        // Nobody writes four gigabytes of log in a test, or half a billion transactions; the faults are the same.
        .replace('> 4 * 1024 * 1024 * 1024', '> 1024 * 1024')
        .replaceAll('> 500e6', '> 100e3')
        .replace('(pg_settings_max_connections) > 0.8', '(pg_settings_max_connections) > 0.2')
        .replace('replay_lag_seconds > 30', 'replay_lag_seconds > 1'),
    )
    const mounts: ExtraMount[] = [{ source: folder, target: '/etc/prometheus', readOnly: true }]
    await stack.removeService('prometheus')
    await stack.startService('prometheus', { mounts })
  }

  test('has rules that pass their own tests', async () => {
    await promtool('check', 'config', '/etc/prometheus/prometheus.yml')
    expect(await promtool('test', 'rules', '/etc/prometheus/rules.test.yml')).toContain('SUCCESS')
    const tests = await readSource('rules.test.yml')
    for (const { alert } of await listRules()) expect(tests).toContain(`alertname="${alert}"`)
  })

  test('reaches every target, and has every metric that rules and dashboard name', async () => {
    await makeImpatient()
    // In its volume are still the samples of the one before, which looked while the others were starting.
    const eventually = { timeout: 60_000, interval: 500 }
    const up = async (): Promise<Record<string, string>> =>
      Object.fromEntries((await query('up')).map(({ metric, value }) => [metric['job']!, value[1]]))
    await expect
      .poll(up, eventually)
      .toEqual({ prometheus: '1', postgres: '1', pgbouncer: '1', volumes: '1' })
    for (const metric of ['pg_up', 'pgbouncer_up']) {
      const values = async (): Promise<string[]> => (await query(metric)).map(({ value }) => value[1])
      await expect.poll(values, { ...eventually, message: metric }).toEqual(['1'])
    }
    const dashboard = JSON.parse(await readSource('dashboard.json')) as Dashboard
    const drawn = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    const expressions = [...(await listRules()).map(({ expr }) => expr), ...drawn]
    const metrics = new Set(expressions.flatMap(findMetrics).filter((name) => !sometimes.test(name)))
    expect(metrics.size).toBeGreaterThan(20)
    const listMissing = async (): Promise<string[]> => {
      const counts = await Promise.all([...metrics].map((metric) => query(`count(${metric})`)))
      return [...metrics].filter((_, index) => counts[index]!.length === 0)
    }
    await expect.poll(listMissing, eventually).toEqual([])
    for (const expression of drawn) await query(expression)
  })

  test('is quiet but for the missing backup, and its proof of life', async () => {
    await expect.poll(listFiring, { timeout: 60_000 }).toEqual(['BackupMissing', 'DeadManSwitch'])
  })

  test('sees deadlocks', async () => {
    await sandbox.query(`CREATE TABLE pair AS SELECT 1 AS id UNION SELECT 2`)
    const [a, b] = [await sandbox.connect(), await sandbox.connect()]
    const lock = (id: number): string => `SELECT id FROM pair WHERE id = ${id} FOR UPDATE`
    await a.query(`BEGIN; ${lock(1)}`)
    await b.query(`BEGIN; ${lock(2)}`)
    const outcomes = await Promise.allSettled([a.query(lock(2)), b.query(lock(1))])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await a.end()
    await b.end()
    await expectFiring('Deadlocks')
    // Not on the network of the monitoring alone: the webhook has it, through Alertmanager.
    await expect.poll(() => [...received], { timeout: 60_000 }).toContain('Deadlocks /hook?token=of-the-test')
  })

  test('sees clients that wait for the pool', async () => {
    const client = await sandbox.connect()
    await client.query('SELECT 1')
    await stack.poolerAdmin('PAUSE')
    const waiting = client.query('SELECT 1')
    try {
      await expectFiring('PoolWaits')
    } finally {
      await stack.poolerAdmin('RESUME')
      await waiting
      await client.end()
    }
    await expectQuiet('PoolWaits')
  })

  test('sees log that cannot be archived', async () => {
    // As if the repository of a server that archives were gone.
    const mark = (command: string) => stack.exec('postgres', ['sh', '-c', `${command} "$PGDATA/archiving"`])
    expect((await mark('touch')).exitCode).toBe(0)
    await stack.query('CREATE TABLE public.some AS SELECT 1')
    await stack.query('SELECT pg_switch_wal()')
    try {
      await expectFiring('ArchivingFails')
    } finally {
      expect((await mark('rm')).exitCode).toBe(0)
    }
  })

  test('sees a slot that nobody reads', async () => {
    await stack.query(`SELECT pg_create_physical_replication_slot('forgotten', true)`)
    await stack.query(`CREATE TABLE public.much AS SELECT repeat('x', 100) FROM generate_series(1, 50000)`)
    try {
      await expectFiring('SlotRetainsLog')
    } finally {
      await stack.query(`SELECT pg_drop_replication_slot('forgotten')`)
    }
    await expectQuiet('SlotRetainsLog')
  })

  test('sees that it may not look', async () => {
    await stack.query('REVOKE pg_monitor FROM monitor')
    try {
      await expectFiring('ScrapeIncomplete')
    } finally {
      await stack.query('GRANT pg_monitor TO monitor')
    }
    await expectQuiet('ScrapeIncomplete')
  })

  test('sees backups come and grow old, and certificates end', async () => {
    const certificate = join(folder, 'soon.crt')
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '5', '-subj', '/CN=soon'],
        ...['-keyout', join(folder, 'soon.key'), '-out', certificate],
      ],
      { stdio: 'pipe' },
    )
    await chmod(certificate, 0o644)
    await stack.removeService('volume-exporter')
    await stack.startService('volume-exporter', {
      environment: { VOLUME_EXPORTER_INTERVAL_SECONDS: '1', BACKUP_REPOSITORY2: 'on' },
      mounts: [{ source: certificate, target: '/run/secrets/soon.crt', readOnly: true }],
    })
    await expectFiring('CertificateExpires')
    const ending = await query('ALERTS{alertname="CertificateExpires"}')
    expect(ending.map(({ metric }) => metric['name'])).toEqual(['soon.crt'])

    const { code, stderr } = await sandbox.cli('backup')
    expect(code, stderr).toBe(0)
    const kinds = async (): Promise<string[]> =>
      (await query('ALERTS{alertname="BackupMissing"}')).map(({ metric }) => metric['kind']!)
    await expect.poll(kinds, { timeout: 60_000, interval: 500 }).toEqual(['second-repository'])
    const make = ['sh', '-c', 'touch /backups/repository2-made']
    expect((await stack.exec('postgres', make)).exitCode).toBe(0)
    await expectQuiet('BackupMissing')
    expect(await listFiring()).not.toContain('BackupTooOld')
    const rename = 'cd /backups/logical && mv 20*Z-* 20200101T000000.000Z-0000'
    expect((await stack.exec('postgres', ['sh', '-c', rename])).exitCode).toBe(0)
    await expectFiring('BackupTooOld')
  })

  test('sees a standby that is behind', async () => {
    const move = await planMove(stack, 'switchover')
    await stack.updateSettings({ [moveSettings.nextVolume]: move.to.volume })
    await startStandby(stack, move)
    await waitForStandby(stack, move, 60_000)
    const delay = `ALTER SYSTEM SET recovery_min_apply_delay = '4s'`
    await stack.query(delay, { service: move.to.name })
    await stack.query('SELECT pg_reload_conf()', { service: move.to.name })
    await stack.query('CREATE TABLE public.beat (at timestamptz)')
    const ticking = new AbortController()
    const beats = (async () => {
      while (!ticking.signal.aborted) await stack.query('INSERT INTO public.beat VALUES (now())')
    })()
    try {
      await expectFiring('ReplicationLag')
    } finally {
      ticking.abort()
      await beats
      await discardTarget(stack, move)
    }
    await expectQuiet('ReplicationLag')
  })

  test('sees a damaged page', async () => {
    // Whole in the file and not in memory: a page that is written again would hide the damage.
    await stack.query(
      `CREATE TABLE public.damaged WITH (autovacuum_enabled = off) AS SELECT g FROM generate_series(1, 10000) g`,
    )
    await stack.query(
      'VACUUM (FREEZE) public.damaged; CHECKPOINT; CREATE EXTENSION IF NOT EXISTS pg_buffercache',
    )
    await stack.query(
      `SELECT pg_buffercache_evict(bufferid) FROM pg_buffercache WHERE relfilenode = pg_relation_filenode('public.damaged')`,
    )
    const [[path]] = (await stack.query(`SELECT pg_relation_filepath('public.damaged')`)) as [[string]]
    const damage = `printf 'damage' | dd of="$PGDATA/${path}" bs=1 seek=12000 conv=notrunc`
    expect((await stack.exec('postgres', ['sh', '-c', damage])).exitCode).toBe(0)
    await expect(stack.query('SELECT sum(g) FROM public.damaged')).rejects.toThrow(/invalid page/)
    await expectFiring('ChecksumFailure')
  })

  test('sees connections run out', async () => {
    const nap = 'SELECT pg_sleep(60)'
    const sessions = Array.from({ length: 22 }, () => stack.query(nap))
    const ended = Promise.allSettled(sessions)
    try {
      await expectFiring('ConnectionsNearLimit')
    } finally {
      await stack.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '${nap}%' AND pid <> pg_backend_pid()`,
      )
      await ended
    }
    await expectQuiet('ConnectionsNearLimit')
  })

  test('sees that the data does not fit into memory', async () => {
    // Four rows to a page: 300 MB, more than twice the shared buffers.
    await stack.query(
      `CREATE TABLE public.cold AS SELECT repeat('x', 1800) AS filler FROM generate_series(1, 150000)`,
    )
    for (let scan = 0; scan < 3; scan++) await stack.query('SELECT count(filler) FROM public.cold')
    await expectFiring('CacheHitRatioLow')
    await stack.query('DROP TABLE public.cold')
  })

  test('sees transactions that are not frozen', async () => {
    expect(await listFiring()).not.toContain('WraparoundNear')
    await stack.query(
      `DO $$ BEGIN FOR i IN 1..110000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`,
    )
    await expectFiring('WraparoundNear')
  })

  test('sees a disk fill up', async () => {
    await stack.engine.createVolume({
      Name: stack.volumeName('small'),
      Driver: 'local',
      DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=4m,mode=0700,uid=999,gid=999' },
      Labels: { 'com.docker.compose.project': stack.name },
    })
    // A volume in memory is there only as long as a container has it: the first one fills it and stays until it is
    // told to go.
    const fill =
      'head -c 4000000 /dev/zero > /small/filler; for i in $(seq 600); do [ -e /small/end ] && exit 0; sleep 0.1; done; exit 1'
    const filled = stack.runOneShot(['sh', '-c', fill], {
      service: 'postgres',
      mounts: [{ source: 'small', target: '/small' }],
    })
    await stack.removeService('volume-exporter')
    await stack.startService('volume-exporter', {
      environment: { VOLUME_EXPORTER_INTERVAL_SECONDS: '1' },
      volumes: { backups: 'small' },
    })
    await expectFiring('DiskSpaceLow')
    await expectFiring('DiskSpaceCritical')
    await stack.runOneShot(['touch', '/small/end'], {
      service: 'postgres',
      mounts: [{ source: 'small', target: '/small' }],
    })
    expect((await filled).exitCode).toBe(0)
    await stack.removeService('volume-exporter')
    await stack.startService('volume-exporter', {
      environment: { VOLUME_EXPORTER_INTERVAL_SECONDS: '1' },
    })
    await expectQuiet('DiskSpaceCritical')
    await stack.removeVolume('small')
  })

  test('sees PgBouncer and its exporter go', async () => {
    await stack.stopService('pgbouncer')
    await expectFiring('PgBouncerDown')
    await stack.stopService('pgbouncer-exporter')
    await expectFiring('TargetDown')
    await expectFiring('MetricsMissing')
    await stack.startService('pgbouncer')
    await stack.startService('pgbouncer-exporter')
    for (const alert of ['PgBouncerDown', 'TargetDown', 'MetricsMissing']) await expectQuiet(alert)
  })

  test('sees PostgreSQL go, and that it was started again', async () => {
    expect(await listFiring()).not.toContain('PostgresRestarted')
    await stack.stopService('postgres')
    await expectFiring('PostgresDown')
    await stack.startService('postgres')
    await expectQuiet('PostgresDown')
    await expectFiring('PostgresRestarted')
  })

  test('sees that checksums are off', async () => {
    const switchChecksums = async (how: string): Promise<void> => {
      await stack.stopService('postgres')
      const command = ['sh', '-c', `pg_checksums --${how} --pgdata="$PGDATA"`]
      const { exitCode, stderr } = await stack.runOneShot(command, { service: 'postgres' })
      expect(exitCode, stderr).toBe(0)
      await stack.startService('postgres')
    }
    // Its pages are damaged: checksums can be enabled on sound ones only.
    await stack.query('DROP TABLE public.damaged')
    await switchChecksums('disable')
    await expectFiring('ChecksumsOff')
    await switchChecksums('enable')
    await expectQuiet('ChecksumsOff')
  })
})
