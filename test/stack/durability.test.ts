import { randomBytes } from 'node:crypto'
import type { Container } from 'dockerode'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readHealth } from '#src/engine/health.js'
import type { Finding } from '#src/stack/checks/finding.js'
import type { Stack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { killEveryProcess, restartLimitMs, waitForNewProcess } from './crash.js'
import { Recorder } from './recorder.js'
import { expectSound } from './soundness.js'
import { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'

/** The luck of the moment decides what a crash meets: with SIMDGRES_MANY_CRASHES=1 it is four times as many. */
const kills = process.env['SIMDGRES_MANY_CRASHES'] === undefined ? 5 : 20
/** Commits between two crashes, over all writers. */
const commitsPerRound = 200

await describeWithEngine('a crash under load', () => {
  let sandbox: StackSandbox
  let stack: Stack

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
    stack = await sandbox.open()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  test('kill -9 of PostgreSQL, again and again: every acknowledged commit is there', {
    timeout: 600_000,
  }, async () => {
    const recorder = await Recorder.start(sandbox, 4)
    try {
      for (let round = 0; round < kills; round++) {
        await recorder.reach(recorder.acknowledged + commitsPerRound)
        await crash(stack, round)
        // All of them: one that stays disconnected would take no part in the next round.
        await recorder.reachEach(1)
      }
    } finally {
      await recorder.stop()
    }
    const { missing, unacknowledged } = await recorder.compare(sandbox)
    expect(missing).toEqual([])
    expect(recorder.acknowledged).toBeGreaterThan(kills * commitsPerRound)
    // What was sent and not answered may be there or not; more than that was never sent.
    expect(unacknowledged).toBeLessThanOrEqual(recorder.failures)
    const log = await stack.logs('postgres', 100_000)
    expect(log.match(/was not properly shut down/g)?.length).toBeGreaterThanOrEqual(kills)
    await expectSound(stack)
  })

  test('the control: where commits do not wait for the log, the same writers do miss some', async () => {
    // Its table is made before, or that would be lost as well.
    const recorder = await Recorder.start(sandbox, 4)
    try {
      await stack.query('ALTER ROLE app SET synchronous_commit = off')
      await stack.query("ALTER SYSTEM SET wal_writer_delay = '10s'")
      await stack.query('SELECT pg_reload_conf()')
      // Connections of the pool keep the settings that they began with.
      await stack.poolerAdmin('RECONNECT')
      await recorder.reach(recorder.acknowledged + commitsPerRound)
      await crash(stack, 0)
      await recorder.reachEach(1)
    } finally {
      await recorder.stop()
      await stack.query('ALTER ROLE app RESET synchronous_commit')
    }
    expect((await recorder.compare(sandbox)).missing.length).toBeGreaterThan(0)
  })
})

await describeWithEngine('a full disk', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let keeper: Container

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    stack = await sandbox.open()
    await stack.ensureImage('postgres')
    keeper = await makeSmallVolume(stack, 'postgres_data', 256)
    // The pages of such a volume count as the server's memory.
    await sandbox.up({ settings: { POSTGRES_MEMORY: '1g' } })
    stack = await sandbox.open()
    await sandbox.query('CREATE TABLE app.kept AS SELECT generate_series(1, 1000) AS n')
  }, 1_800_000)
  afterAll(async () => {
    await keeper?.remove({ force: true, v: true })
    await sandbox?.[Symbol.asyncDispose]()
  })

  const ballast = '/var/lib/postgresql/data/ballast'
  const inKeeper = async (...argv: readonly string[]): Promise<void> => {
    const execution = await keeper.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true })
    const stream = await execution.start({})
    stream.resume()
    await new Promise((resolve) => stream.once('end', resolve))
  }

  const readFindings = async (): Promise<readonly Finding[]> => {
    const { stdout } = await sandbox.cli('status', '--json')
    return (JSON.parse(stdout) as { findings: Finding[] }).findings
  }

  describe('of data', () => {
    test('is an error that says so, while everybody else goes on; space that returns is used', async () => {
      await inKeeper('dd', 'if=/dev/zero', `of=${ballast}`, 'bs=1M', 'count=64')
      // Not logged, so that the table is what finds no room; not compressed, which would take minutes.
      await sandbox.query('CREATE UNLOGGED TABLE app.filler (line text STORAGE EXTERNAL)')
      const fill = `INSERT INTO app.filler SELECT repeat(md5(n::text), 200) FROM generate_series(1, 1000000) AS n`
      await expect(sandbox.query(fill)).rejects.toMatchObject({
        code: '53100',
        message: expect.stringContaining('No space left on device') as string,
      })
      expect(await sandbox.query('SELECT count(*)::int AS kept FROM app.kept')).toEqual([{ kept: 1000 }])
      expect((await (await stack.container('postgres')).inspect()).RestartCount).toBe(0)
      // The log is on the same volume.
      const disks = (await readFindings()).filter(({ check }) => /^disk (data|log)$/.test(check))
      expect(disks.map(({ severity }) => severity)).toEqual(['critical', 'critical'])
      await sandbox.query('TRUNCATE app.filler')
      await sandbox.query('INSERT INTO app.filler SELECT generate_series(1, 1000)::text')
    })
  })

  describe('of the log', () => {
    test('stops the server, loses no commit, and ends by itself when there is space again', {
      timeout: 600_000,
    }, async () => {
      // A reader that went away: without it, the crash's own recovery would make room by using old files again.
      await stack.query("SELECT pg_create_physical_replication_slot('gone', true)")
      // The log has errors of the test before in it.
      const marker = `marker-${randomBytes(8).toString('hex')}`
      await stack.query(`DO $$ BEGIN RAISE LOG '${marker}'; END $$`)
      const readNewLog = async (): Promise<string> => {
        const [, after] = (await stack.logs('postgres', 100_000)).split(`LOG:  ${marker}`)
        expect(after, 'the marker is in the log').toBeDefined()
        return after!
      }
      const acknowledged = await writeUntilFailure(sandbox)
      expect(acknowledged).toBeGreaterThan(10)
      const panic = /PANIC: .*pg_wal.*No space left on device/
      await until(async () => panic.test(await readNewLog()), 30_000, "the server's log says why it stopped")
      // While the engine starts it again, and it fails again, a single look may meet a start that has not failed yet.
      const isCritical = async (): Promise<boolean> =>
        (await readFindings()).some(({ severity }) => severity === 'critical')
      await until(isCritical, 60_000, 'the status is critical')

      await inKeeper('rm', ballast)
      // Not waitUntilHealthy: a start that was begun before there was space may still fail, and another one follows.
      const isHealthy = async (): Promise<boolean> => {
        return (await readHealth(await stack.container('postgres'), 'postgres', stack.signal)) === 'healthy'
      }
      await until(isHealthy, restartLimitMs, 'the server runs again and is healthy')
      // The pool waits a while before it tries a server again that has refused it.
      await until(() => sandbox.answers(), restartLimitMs, 'the pool answers')
      await stack.query("SELECT pg_drop_replication_slot('gone')")
      const present = await sandbox.query('SELECT id FROM app.written ORDER BY id')
      const ids = present.map(({ id }) => Number(id))
      expect(ids.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, index) => index))
      expect(ids.length).toBeLessThanOrEqual(acknowledged + 1)
      expect(await sandbox.query('SELECT count(*)::int AS kept FROM app.kept')).toEqual([{ kept: 1000 }])
      await sandbox.query('DROP TABLE app.written')
      await sandbox.query('CREATE TABLE app.after AS SELECT 1 AS one')
      await expectSound(stack)
    })
  })
})

/**
 * Ends the server and has it started again; the writers see that it serves. An administrator starts every fifth one,
 * which resets the engine's delay: it doubles with each crash.
 */
async function crash(stack: Stack, round: number): Promise<void> {
  if (round % 5 < 4) {
    await waitForNewProcess(stack, await killEveryProcess(stack, ['postgres']))
    return
  }
  const container = await stack.container('postgres')
  await container.kill({ signal: 'SIGKILL' })
  await container.wait()
  await container.start()
}

/** A volume in memory of so many MiB, and a container that keeps it: such a volume is empty once nobody has it mounted. */
async function makeSmallVolume(stack: Stack, name: string, mebibytes: number): Promise<Container> {
  await stack.engine.createVolume({
    Name: stack.volumeName(name),
    Labels: { 'com.docker.compose.project': stack.name, 'com.docker.compose.volume': name },
    DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: `size=${mebibytes}m,mode=0700,uid=999,gid=999` },
  })
  const keeper = await stack.engine.createContainer({
    Image: await stack.ensureImage('postgres'),
    User: '999:999',
    Entrypoint: ['sleep', 'infinity'],
    HostConfig: {
      NetworkMode: 'none',
      Mounts: [{ Type: 'volume', Source: stack.volumeName(name), Target: '/var/lib/postgresql/data' }],
    },
  })
  await keeper.start()
  return keeper
}

/**
 * Commits small rows, each with a megabyte that is in the log and nowhere else, until one fails: so it is the log that
 * finds no room, not a table. Resolves to how many were acknowledged: their ids are below.
 */
async function writeUntilFailure(sandbox: StackSandbox): Promise<number> {
  const client: pg.Client = await sandbox.connect()
  await client.query('CREATE TABLE app.written (id integer PRIMARY KEY)')
  for (let id = 0; ; id++) {
    try {
      await client.query(
        `WITH written AS (INSERT INTO app.written VALUES ($1) RETURNING id)
         SELECT pg_logical_emit_message(true, 'filler', repeat('x', 1000000)) FROM written`,
        [id],
      )
    } catch {
      // The server is gone, and with it perhaps the connection.
      await client.end().catch(() => undefined)
      return id
    }
  }
}
