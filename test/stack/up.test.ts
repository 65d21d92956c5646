import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectLabel } from '#src/engine/labels.js'
import type { Finding } from '#src/stack/checks/finding.js'
import type { UpResult } from '#src/stack/up.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

interface EngineEvent {
  readonly Action: string
  readonly Actor: { readonly Attributes: { readonly name: string; readonly exitCode?: string } }
}

/** The promise of the command; the images are there by then. */
const promisedMs = 90_000

await describeWithEngine('simdgres up', () => {
  let sandbox: StackSandbox
  let first: UpResult
  /** What became of containers during the first one, in this order. */
  const events: string[] = []

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    const stack = await sandbox.open()
    for (const service of ['postgres', 'pgbouncer']) await stack.ensureImage(service)
    const stream = await stack.engine.getEvents({
      filters: { event: ['start', 'exec_die'], label: [`${projectLabel}=${sandbox.project}`] },
    })
    createInterface({ input: stream as Readable }).on('line', (line) => {
      const { Action, Actor } = JSON.parse(line) as EngineEvent
      const { name, exitCode = '' } = Actor.Attributes
      events.push(`${name} ${Action} ${exitCode}`.trim())
    })
    first = await sandbox.up()
    ;(stream as Readable).destroy()
  })
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  test('makes a stack that an application can use', async () => {
    expect(first.services).toEqual({ postgres: 'created', pgbouncer: 'created' })
    expect(first.migrations).toEqual(['001-enhanced-learning'])
    const [row] = await sandbox.query(
      'SELECT current_user, (SELECT count(*) FROM pg_stat_ssl WHERE ssl) AS encrypted',
    )
    expect(row).toMatchObject({ current_user: 'app' })
  })

  test('is done within the promised time', () => {
    expect(first.durationMs).toBeLessThan(promisedMs)
  })

  test('starts PgBouncer once PostgreSQL is healthy', () => {
    const [postgres, pgbouncer] = ['postgres', 'pgbouncer'].map(
      (service) => `${sandbox.project}-${service}-1`,
    )
    // The first command to succeed in it: its health check.
    const healthy = events.indexOf(`${postgres} exec_die 0`)
    expect(healthy).toBeGreaterThan(events.indexOf(`${postgres} start`))
    expect(events.indexOf(`${pgbouncer} start`)).toBeGreaterThan(healthy)
  })

  test('leaves everything alone when nothing has changed', async () => {
    const before = await sandbox.containerIds()
    const { services } = await sandbox.up()
    expect(services).toEqual({ postgres: 'unchanged', pgbouncer: 'unchanged' })
    expect(await sandbox.containerIds()).toEqual(before)
  })

  test('says in a dry run what it would do, and does nothing', async () => {
    const before = await sandbox.containerIds()
    const settings = await readFile(join(sandbox.folder, '.env'), 'utf8')
    const { code, stdout } = await sandbox.cli('up', '--dry-run', '--json', '--set', 'PGBOUNCER_POOL_SIZE=22')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ services: { postgres: 'unchanged', pgbouncer: 'recreated' } })
    expect(await sandbox.containerIds()).toEqual(before)
    expect(await readFile(join(sandbox.folder, '.env'), 'utf8')).toBe(settings)
  })

  test('makes only the service anew whose settings have changed', async () => {
    const before = await sandbox.containerIds()
    const { services } = await sandbox.up({ settings: { PGBOUNCER_POOL_SIZE: '21' } })
    expect(services).toEqual({ postgres: 'unchanged', pgbouncer: 'recreated' })
    const after = await sandbox.containerIds()
    expect(after['postgres']).toBe(before['postgres'])
    expect(after['pgbouncer']).not.toBe(before['pgbouncer'])
  })

  test('keeps the pool connected to a server that was made anew', async () => {
    const changed = { POSTGRES_MEMORY: '600m', POSTGRES_PARAMETER_max_wal_size: '2GB' }
    const { services } = await sandbox.up({ settings: changed })
    expect(services).toEqual({ postgres: 'recreated', pgbouncer: 'unchanged' })
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    const stack = await sandbox.open()
    const { HostConfig } = await (await stack.container('postgres')).inspect()
    expect(HostConfig.Memory).toBe(600 * 1024 ** 2)
  })

  test('parameters of .env are those of the server; an unknown, a wrong and an unsafe one stop nothing', async () => {
    const stack = await sandbox.open()
    // Wins over what was computed, and so does it over the disk's part for the log.
    expect(await stack.query('SHOW max_wal_size')).toEqual([['2GB']])
    const before = await sandbox.containerIds()
    const settings = await readFile(join(sandbox.folder, '.env'), 'utf8')
    for (const [setting, reason] of [
      ['wurk_mem=4MB', 'unrecognized configuration parameter "wurk_mem"'],
      ['max_wal_size=lots', 'invalid value for parameter "max_wal_size"'],
      ['fsync=off', 'a crash would damage the data'],
    ] as const) {
      const { code, stderr } = await sandbox.cli('up', '--set', `POSTGRES_PARAMETER_${setting}`)
      expect(stderr).toContain(reason)
      expect(code).toBe(2)
    }
    expect(await sandbox.containerIds()).toEqual(before)
    expect(await readFile(join(sandbox.folder, '.env'), 'utf8')).toBe(settings)
    const { stdout } = await sandbox.cli('status', '--json')
    expect((JSON.parse(stdout) as { findings: unknown[] }).findings).toContainEqual({
      check: 'parameters of .env',
      severity: 'ok',
      message: 'max_wal_size=2GB',
    })
  })

  test('keeps what the user wrote into .env, and says what it would recommend', async () => {
    const { reviews } = await sandbox.up({ settings: { POSTGRES_MEMORY: '600m' } })
    expect(reviews.map(({ name, value }) => [name, value])).toContainEqual(['POSTGRES_MEMORY', '600m'])
    expect(await readFile(join(sandbox.folder, '.env'), 'utf8')).toMatch(/^POSTGRES_MEMORY=600m$/m)
  })

  test('keeps secrets from everyone but the service that reads them', async () => {
    const root = join(sandbox.folder, 'secrets')
    expect((await stat(root)).mode & 0o777).toBe(0o700)
    for (const name of await readdir(root)) {
      if (name === 'client') continue
      const { mode, uid } = await stat(join(root, name))
      expect([name, mode & 0o777]).toEqual([name, name.endsWith('.crt') ? 0o444 : 0o400])
      if (name.startsWith('postgres') && name.endsWith('key')) expect(uid).toBe(999)
      if (name === 'pgbouncer.key') expect(uid).toBe(998)
    }
  })

  test('makes a lost password anew, in the database and in every reader', async () => {
    const before = await readFile(join(sandbox.folder, 'secrets/client/app_password'), 'utf8')
    for (const name of ['client/app_password', 'pgbouncer_pooler_password']) {
      await rm(join(sandbox.folder, 'secrets', name))
    }
    await sandbox.up()
    expect(await readFile(join(sandbox.folder, 'secrets/client/app_password'), 'utf8')).not.toBe(before)
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('a lost password of the superuser locks nobody out, on this call or later', async () => {
    const path = join(sandbox.folder, 'secrets/postgres_password')
    const before = await readFile(path, 'utf8')
    await rm(path)
    await sandbox.up()
    expect(await readFile(path, 'utf8')).not.toBe(before)
    const stack = await sandbox.open()
    expect(await stack.query('SELECT 1')).toEqual([['1']])
    expect(await sandbox.up()).toMatchObject({ services: { postgres: 'unchanged' } })
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('rotate replaces every password and certificate; a dry run and a wrong name replace none', async () => {
    const root = join(sandbox.folder, 'secrets')
    const names = (await readdir(root)).filter((name) => /_password$|^p.*\.crt$/.test(name))
    const read = () => Promise.all(names.map((name) => readFile(join(root, name), 'utf8')))
    const before = await read()
    expect(await sandbox.cli('rotate', 'password', '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('would make anew: postgres, pgbouncer'),
    })
    expect(await sandbox.cli('rotate', 'password', 'nobody')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Name one of: postgres, app'),
    })
    expect(await read()).toEqual(before)
    expect(await sandbox.cli('rotate', '--all')).toMatchObject({ code: 0 })
    for (const [index, text] of (await read()).entries()) expect(text, names[index]).not.toBe(before[index])
    expect(await sandbox.cli('rotate', 'certificate')).toMatchObject({ code: 0 })
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    const stack = await sandbox.open()
    expect(await stack.query('SELECT 1')).toEqual([['1']])
    expect((await sandbox.cli('status')).code).toBe(0)
    const log = (await sandbox.cli('logs')).stdout
    for (const text of await read()) expect(log).not.toContain(text.trim())
  })

  test('rotate ca has two authorities trusted, until --finish; a client with the new file notices neither', async () => {
    const file = join(sandbox.folder, 'secrets/client/ca.crt')
    const [old, password] = await Promise.all([
      readFile(file, 'utf8'),
      readFile(join(sandbox.folder, 'secrets/client/app_password'), 'utf8'),
    ])
    const answers = async (ca: string) => {
      const client = await sandbox.connect({ password, ssl: { ca } })
      return (await client.query('SELECT 1 AS one').finally(() => client.end())).rows[0]
    }
    expect(await sandbox.cli('rotate', 'ca', '--finish')).toMatchObject({ code: 3 })
    expect(await sandbox.cli('rotate', 'ca')).toMatchObject({ code: 0 })
    const both = await readFile(file, 'utf8')
    expect(both.startsWith(old)).toBe(true)
    expect([await answers(old), await answers(both)]).toEqual([{ one: 1 }, { one: 1 }])
    const status = await sandbox.cli('status', '--json')
    const { findings } = JSON.parse(status.stdout) as { findings: Finding[] }
    expect(findings.filter(({ severity }) => severity !== 'ok').map(({ check }) => check)).toEqual([
      'authority',
    ])
    // A second time, and any `up`, changes nothing.
    await sandbox.up()
    expect(await readFile(file, 'utf8')).toBe(both)

    expect(await sandbox.cli('rotate', 'ca', '--finish')).toMatchObject({ code: 0 })
    const next = await readFile(file, 'utf8')
    expect(both).toBe(old + next)
    expect([await answers(both), await answers(next)]).toEqual([{ one: 1 }, { one: 1 }])
    await expect(answers(old)).rejects.toThrow(/self-signed|verify|issuer/)
    expect((await sandbox.cli('status')).code).toBe(0)
  })

  test('makes the partitions of the year ahead, which status misses, and does not in a dry run', async () => {
    const stack = await sandbox.open()
    const partitions = `SELECT relid FROM pg_partition_tree('enhanced_learning.shadowgit_events') WHERE isleaf
      AND relid::text ~ '_\\d{4}_\\d{2}$' ORDER BY relid::text DESC`
    const count = async (): Promise<string | null> =>
      (await stack.query(`SELECT count(*) FROM (${partitions}) AS partition`))[0]![0]!
    const whole = await count()
    // This month and the next stay.
    await stack.query(`DO $$ DECLARE partition regclass; BEGIN
      FOR partition IN ${partitions} LIMIT 11 LOOP EXECUTE 'DROP TABLE ' || partition; END LOOP; END $$`)
    const status = await sandbox.cli('status', '--json')
    expect(status.code).toBe(1)
    const { findings } = JSON.parse(status.stdout) as { findings: Finding[] }
    expect(findings.filter(({ severity }) => severity !== 'ok')).toMatchObject([
      { check: 'partitions', severity: 'warning', message: '1 months ahead' },
    ])
    const before = await count()
    expect((await sandbox.cli('up', '--dry-run')).code).toBe(0)
    expect(await count()).toBe(before)
    await sandbox.up()
    expect(await count()).toBe(whole)
    expect((await sandbox.cli('status')).code).toBe(0)
  })

  test('goes on with a database whose migration was changed, and tells it', async () => {
    const stack = await sandbox.open()
    await stack.query("UPDATE deployment.migrations SET sha256 = 'x' || sha256")
    await expect(sandbox.up()).rejects.toThrow(/was changed after it was applied/)
    // The stack goes on.
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    await stack.query('UPDATE deployment.migrations SET sha256 = substr(sha256, 2)')
    await sandbox.up()
  })

  test('refuses a folder whose stack has another name already in use elsewhere', async () => {
    await using other = await StackSandbox.create()
    const result = await other.cli('up', '--project', sandbox.project, '--set', `STACK_PORT=${other.port}`)
    expect(result.code).toBe(5)
    expect(result.stderr).toContain(`not to the stack in ${other.folder}`)
  })

  test('shows the last lines of a service that fails, and leaves the data alone', async () => {
    const rowsBefore = await (await sandbox.open()).query('SELECT count(*) FROM pg_class')
    await expect(sandbox.up({ settings: { POSTGRES_SHARED_BUFFERS: '900GB' } })).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining('does not fit into the memory limit') as string,
    })
    await sandbox.up({ settings: { POSTGRES_SHARED_BUFFERS: '' } })
    expect(await (await sandbox.open()).query('SELECT count(*) FROM pg_class')).toEqual(rowsBefore)
  })

  test('takes the data of a lost folder over, with new secrets, and does not guess between two volumes', async () => {
    await sandbox.query('CREATE TABLE app.kept AS SELECT 42 AS a')
    const stack = await sandbox.open()
    await stack.ensureVolume('postgres_data_2')
    await rm(sandbox.folder, { recursive: true })
    await expect(sandbox.up()).rejects.toThrow(
      /_postgres_data and .*_postgres_data_2 hold data of an earlier stack/,
    )
    await sandbox.up({ settings: { STACK_PRIMARY_VOLUME: 'postgres_data' } })
    expect(await sandbox.query('SELECT a FROM app.kept')).toEqual([{ a: 42 }])
  })

  test('is told by a port that is in use', async () => {
    await using other = await StackSandbox.create()
    const result = await other.cli(
      'up',
      '--set',
      `STACK_PORT=${sandbox.port}`,
      '--set',
      'POSTGRES_MEMORY=512m',
    )
    expect(result.code).toBe(5)
    expect(result.stderr).toMatch(/port is already allocated[\s\S]*STACK_PORT/)
  })
})
