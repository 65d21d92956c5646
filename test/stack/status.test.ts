import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { separateOutputs } from '#src/engine/output-frames.js'
import type { Finding, Severity } from '#src/stack/checks/finding.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

interface Report {
  readonly severity: Severity
  readonly findings: readonly Finding[]
}

await describeWithEngine('simdgres status, logs, psql and doctor', () => {
  let sandbox: StackSandbox

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
  })
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const status = async (): Promise<Report & { readonly code: number | null }> => {
    const { code, stdout } = await sandbox.cli('status', '--json')
    return { ...(JSON.parse(stdout) as Report), code }
  }
  const find = (report: Report, check: string): Finding | undefined => {
    return report.findings.find((finding) => finding.check === check)
  }

  test('is green on a new stack', async () => {
    const report = await status()
    expect(report.findings.filter(({ severity }) => severity !== 'ok')).toEqual([])
    expect(report.code).toBe(0)
    const checks = report.findings.map(({ check }) => check)
    expect(checks).toEqual(
      expect.arrayContaining([
        'query through the pool',
        'disk data',
        'disk log',
        'disk backups',
        'logical backup',
        'migrations',
        'partitions',
        'cache hit ratio',
        'log archive',
        'certificate postgres',
      ]),
    )
  })

  test('sees a pool that does not answer although its container runs', async () => {
    const stack = await sandbox.open()
    await stack.poolerAdmin('DISABLE claude_agents_auth')
    try {
      const report = await status()
      expect(find(report, 'query through the pool')?.severity).toBe('critical')
      expect(report.code).toBe(2)
    } finally {
      await stack.poolerAdmin('ENABLE claude_agents_auth')
    }
    expect((await status()).code).toBe(0)
  })

  test('sees a parameter that ALTER SYSTEM has not changed', async () => {
    const stack = await sandbox.open()
    await stack.query('ALTER SYSTEM SET track_io_timing = off')
    await stack.query("ALTER SYSTEM SET work_mem = '5MB'")
    const report = await status()
    expect(find(report, 'setting track_io_timing')).toMatchObject({
      severity: 'warning',
      message: 'ALTER SYSTEM says off, the server was started with on, which wins',
    })
    // Was computed, and has given way.
    expect(find(report, 'setting work_mem')).toBeUndefined()
    await stack.query('ALTER SYSTEM RESET ALL')
    expect((await status()).code).toBe(0)
  })

  test('sees a replication slot that nobody reads', async () => {
    const stack = await sandbox.open()
    await stack.query("SELECT pg_create_physical_replication_slot('forgotten', true)")
    expect(find(await status(), 'slot forgotten')?.message).toContain('not in use')
    await stack.query("SELECT pg_drop_replication_slot('forgotten')")
  })

  test('sees a backup that is old, also where the data folder is younger, and each kind alone', async () => {
    const stack = await sandbox.open()
    const inVolume = async (script: string): Promise<void> => {
      expect(await stack.exec('postgres', ['sh', '-euc', script])).toMatchObject({ exitCode: 0, stderr: '' })
    }
    const logical = '/backups/logical/20200101T000000.000Z-0000'
    const physical = '/backups/pgbackrest/backup/simdgres/20200101-000000F'
    const ofFuture = '/backups/logical/20991231T000000.000Z-0000'
    const make = (path: string, age: string): string =>
      `mkdir -p ${path}; touch ${path}/backup.manifest; touch -d '${age}' ${path}/backup.manifest ${path}`
    try {
      // As after a switchover: PG_VERSION is of today.
      await inVolume(make(logical, '10 days ago'))
      expect(find(await status(), 'logical backup')).toMatchObject({ severity: 'critical' })
      // A new one of the other kind.
      await inVolume(make(physical, 'now'))
      expect(find(await status(), 'logical backup')).toMatchObject({ severity: 'critical' })
      expect(find(await status(), 'physical backup')).toBeUndefined()
      // Made while the clock was wrong: neither new nor unseen.
      await inVolume(`mkdir ${ofFuture}`)
      const future = await status()
      expect(find(future, 'logical backup')).toMatchObject({ severity: 'critical' })
      expect(find(future, 'clock')).toMatchObject({
        severity: 'critical',
        message: 'the logical backup 20991231T000000.000Z-0000 is of a time to come',
      })
      await inVolume(`rmdir ${ofFuture}`)
      await stack.updateSettings({ COMPOSE_PROFILES: 'backup' })
      await inVolume(`${make(logical, 'now')}; ${make(physical, '2 days ago')}`)
      let report = await status()
      expect(find(report, 'logical backup')?.severity).toBe('ok')
      expect(find(report, 'physical backup')?.severity).toBe('warning')
      await inVolume(`rm -r ${physical}; ${make(logical, '4 days ago')}`)
      report = await status()
      expect(find(report, 'logical backup')?.severity).toBe('critical')
      expect(find(report, 'physical backup')).toMatchObject({
        severity: 'critical',
        message: expect.stringContaining('none yet') as string,
      })
    } finally {
      await inVolume('rm -rf /backups/logical /backups/pgbackrest')
      await stack.updateSettings({ COMPOSE_PROFILES: '' })
    }
    expect(find(await status(), 'logical backup')).toMatchObject({ severity: 'ok' })
  })

  test('sees a server that is down', async () => {
    const stack = await sandbox.open()
    await stack.stopService('postgres')
    const report = await status()
    expect(find(report, 'service postgres')?.severity).toBe('critical')
    expect(report.code).toBe(2)
    await sandbox.up()
    expect((await status()).code).toBe(0)
  })

  test('logs shows the lines of the service that is asked for', async () => {
    const { code, stdout } = await sandbox.cli('logs', 'postgres', '--lines', '500')
    expect(code).toBe(0)
    expect(stdout).toContain('database system is ready to accept connections')
    // Its end must not wait for a line that nobody writes.
  }, 20_000)

  test('the engine shows the lines of a service since a time, with timestamps', async () => {
    const container = await (await sandbox.open()).container('postgres')
    const read = async (since: number): Promise<string[]> => {
      const frames = await container.logs({ stdout: true, stderr: true, timestamps: true, since })
      const chunks: Buffer[] = []
      const collector = new Writable({
        write: (chunk: Buffer, _, done) => {
          chunks.push(chunk)
          done()
        },
      })
      await separateOutputs(Readable.from([frames]), { stdout: collector, stderr: collector })
      return Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1)
    }
    const all = await read(0)
    for (const line of all) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z /)
    const middle = Math.floor(Date.parse(all[0]!.split(' ')[0]!) / 1000) + 1
    const later = await read(middle)
    expect(later.length).toBeGreaterThan(0)
    expect(later.length).toBeLessThan(all.length)
    for (const line of later) expect(Date.parse(line.split(' ')[0]!)).toBeGreaterThanOrEqual(middle * 1000)
  })

  test('psql comes through the pool as the application, and as the superuser when asked', async () => {
    const sql = 'SELECT current_user, application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()'
    const app = await sandbox.cli('psql', '--', '--tuples-only', '--no-align', '--command', sql)
    expect(app.stdout).toMatch(/^app\|/)
    const root = await sandbox.cli(
      'psql',
      '--superuser',
      '--',
      '--tuples-only',
      '--no-align',
      '--command',
      sql,
    )
    expect(root.stdout).toMatch(/^claude_agent\|/)
  })

  test('psql ends with the exit code of psql', async () => {
    const { code, stderr } = await sandbox.cli('psql', '--', '--command', 'SELEKT')
    expect(code).toBe(1)
    expect(stderr).toContain('syntax error')
  })

  test('doctor looks at the machine and finds what does not fit', async () => {
    const good = await sandbox.cli('doctor', '--json')
    const checks = (JSON.parse(good.stdout) as Report).findings.map(({ check }) => check)
    expect(checks).toEqual(expect.arrayContaining(['engine', 'control groups', 'memory', 'clock']))
    const { stdout, code } = await sandbox.cli('doctor', '--json').then(async () => {
      await (await sandbox.open()).updateSettings({ POSTGRES_CPUS: '4096' })
      return sandbox.cli('doctor', '--json')
    })
    expect(code).toBe(2)
    expect(find(JSON.parse(stdout) as Report, 'setting POSTGRES_CPUS')?.message).toContain(
      'more than there is',
    )
  })
})
