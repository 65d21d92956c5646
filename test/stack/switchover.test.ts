import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { dropOldServer } from '#src/stack/move/previous.js'
import { clearMoveRemains } from '#src/stack/move/remains.js'
import { switchOver } from '#src/stack/move/switchover.js'
import { isPoolPaused } from '#src/stack/pool/pooler.js'
import { repairMove } from '#src/stack/repair.js'
import { openStack, type Stack } from '#src/stack/stack.js'
import { startCli } from '../cli/run-cli.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { Load, readLoad } from './load.js'
import { clients, limits, replaceSteadyMethods } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'

/** Between transactions of clients that are there to notice what goes wrong. */
const restMs = 20

await describeWithEngine('switchover', () => {
  let sandbox: StackSandbox
  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const primaryOf = async (): Promise<string> => (await sandbox.open()).primary
  const isRunning = async (name: string): Promise<boolean | undefined> => {
    const container = await (await sandbox.open()).findContainer(name)
    return container && (await container.inspect()).State.Running
  }

  /** Every attempt that fails must leave the old primary at work, for clients that noticed nothing. */
  async function expectUndone(attempt: (stack: Stack) => Promise<unknown>, message: RegExp) {
    const load = await Load.start(sandbox, clients, restMs)
    const stack = await sandbox.open()
    const { primary } = stack
    const volumes = await stack.listVolumes()
    await load.reach(100)
    await expect(attempt(stack)).rejects.toThrow(message)
    await load.reach(load.commits + 200)
    const { commits, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(await readLoad(sandbox)).toEqual({ rows: commits, balance: commits })
    expect(await primaryOf()).toBe(primary)
    expect(await isRunning(primary === 'postgres' ? 'postgres-green' : 'postgres')).toBeUndefined()
    expect(await stack.listVolumes()).toEqual(volumes)
    expect(await stack.query('SELECT slot_name FROM pg_replication_slots')).toEqual([])
  }

  test('moves the stack to a new server', async () => {
    const report = await switchOver(await sandbox.open(), limits)
    expect(report).toMatchObject({ from: 'postgres', to: 'postgres-green' })
    expect(await primaryOf()).toBe('postgres-green')
    expect(await isRunning('postgres')).toBe(false)
  })

  test('a later up finds nothing to change, and starts the new server after a stop', async () => {
    const { services } = await sandbox.up()
    expect(services).toEqual({ 'postgres-green': 'unchanged', pgbouncer: 'unchanged' })
    await (await sandbox.open()).stopService('postgres-green')
    expect((await sandbox.up()).services).toMatchObject({ 'postgres-green': 'started' })
  })

  test('the old server, started by hand, takes no writes', async () => {
    const stack = await sandbox.open()
    const old = await stack.container('postgres')
    await old.start()
    await stack.waitUntilHealthy('postgres')
    await expect(stack.query('CREATE TABLE lost (a integer)', { service: 'postgres' })).rejects.toThrow(
      /read-only/,
    )
    await stack.stopService('postgres')
  })

  test('refuses the next move until the old server is dropped', async () => {
    const stack = await sandbox.open()
    await expect(switchOver(stack, limits)).rejects.toThrow(/still kept/)
    await dropOldServer(stack)
    expect(await isRunning('postgres')).toBeUndefined()
    expect(await stack.listVolumes()).not.toContain('postgres_data')
  })

  test('without the pause clients do fail: the load sees what the pause prevents', async () => {
    const own = await sandbox.open()
    const { steady } = own
    const stack = replaceSteadyMethods(own, {
      exec: async (name, argv, options) =>
        options?.stdin === 'PAUSE;\n'
          ? { exitCode: 0, stdout: '', stderr: '' }
          : steady.exec(name, argv, options),
      poolerAdmin: async (command) => (command === 'RESUME' ? [] : steady.poolerAdmin(command)),
    })
    const load = await Load.start(sandbox, clients)
    await load.reach(1000)
    await switchOver(stack, limits)
    await sleep(200)
    const { failures } = await load.stop()
    expect(failures.length).toBeGreaterThan(0)
    await dropOldServer(await sandbox.open())
  })

  test('gives up where a transaction does not end, and the others go on', async () => {
    const client = await sandbox.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1')
    await expectUndone(
      (stack) => switchOver(stack, { ...limits, pauseLimitMs: 1500 }),
      /does not pause within 1.5 s: app of .* \(idle in transaction\)/,
    )
    await client.query('ROLLBACK')
    await client.end()
  })

  test('goes back to the old server where the new one has not all of the log', async () => {
    await expectUndone(async (stack) => {
      const { steady } = stack
      const missing = replaceSteadyMethods(stack, {
        exec: async (name, argv, options) => {
          const result = await steady.exec(name, argv, options)
          return argv.some((word) => word.includes('pg_waldump')) ? { ...result, stdout: '' } : result
        },
      })
      await switchOver(missing, limits)
    }, /has not received/)
  })

  test('goes back where the pool cannot be pointed at the promoted server, and reports that first failure', async () => {
    await expectUndone(async (stack) => {
      const { primary, steady } = stack
      const failing = replaceSteadyMethods(stack, {
        repointPool: async (server) => {
          await steady.repointPool(server)
          throw new Error(server === primary ? 'another failure on the way back' : 'the disk is full')
        },
      })
      await switchOver(failing, limits)
    }, /the disk is full/)
  })

  test('refuses every other change during a move, which loses no commit', async () => {
    const stack = await sandbox.open()
    await stack.query('CREATE TABLE app.held (n integer); GRANT INSERT, SELECT ON app.held TO app')
    const [holder, writer] = [await sandbox.connect(), await sandbox.connect()]
    await holder.query('BEGIN')
    await holder.query('SELECT 1')
    const place = ['--dir', sandbox.folder, '--project', sandbox.project]
    const first = startCli(['switchover', ...place, '--pause-limit', '45'])
    // In its pause, which waits for the holder: what a second command would take for a move that was killed.
    await first.waitFor('follows')
    while (!(await isPoolPaused(stack))) await sleep(50)
    const written = writer.query('INSERT INTO app.held VALUES (1)')
    const others = await Promise.all([
      sandbox.cli('switchover'),
      sandbox.cli('upgrade', '--to', '18'),
      sandbox.cli('restore', '--to', '2026-01-01T00:00:00Z', '--yes'),
      sandbox.cli('down'),
    ])
    await holder.query('COMMIT')
    for (const { code, stderr } of others) {
      expect(stderr).toContain('Another simdgres command')
      expect(code).toBe(5)
    }
    await written
    await writer.query('INSERT INTO app.held VALUES (2)')
    expect(await first.done).toMatchObject({ code: 0 })
    await writer.query('INSERT INTO app.held VALUES (3)')
    await Promise.all([holder.end(), writer.end()])
    expect((await sandbox.open()).primary).not.toBe(stack.primary)
    expect(await sandbox.query('SELECT n FROM app.held ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    await dropOldServer(await sandbox.open())
  })

  test('stops on Ctrl-C and leaves nothing', async () => {
    const controller = new AbortController()
    const { folder, project } = sandbox
    const progress = {
      ...silent,
      note: (message: string): void => {
        if (message.includes('follows')) controller.abort('SIGINT')
      },
    }
    const stack = await openStack({ folder, project, progress, signal: controller.signal })
    await expectUndone(() => switchOver(stack, limits), /aborted/)
  })

  test('keeps the promoted server where only the resumption fails, and the next command lets clients go on', async () => {
    const before = await sandbox.open()
    const { primary, steady } = before
    const silenced = replaceSteadyMethods(before, {
      poolerAdmin: async (command) => {
        if (command === 'RESUME') throw new Error('no answer')
        return steady.poolerAdmin(command)
      },
    })
    await expect(switchOver(silenced, limits)).rejects.toThrow(/is the primary and complete/)
    const stack = await sandbox.open()
    expect(stack.primary).not.toBe(primary)
    expect(await isRunning(stack.primary)).toBe(true)
    await expect(clearMoveRemains(stack)).rejects.toThrow(/is not finished.*is in use/)
    // As every command does before anything else.
    expect(await repairMove(stack)).toMatchObject({ action: 'finish' })
    expect((await readLoad(sandbox)).rows).toBeGreaterThan(0)
    await dropOldServer(stack)
  })

  test('undoes what a killed attempt has left', async () => {
    const stack = await sandbox.open()
    await stack.updateSettings({ STACK_NEXT_VOLUME: 'postgres_data_9' })
    await stack.ensureVolume('postgres_data_9')
    await stack.poolerAdmin('PAUSE')
    await stack.stopService(stack.primary)
    const report = await switchOver(await sandbox.open(), limits)
    expect(await (await sandbox.open()).listVolumes()).not.toContain('postgres_data_9')
    expect(await primaryOf()).toBe(report.to)
    expect((await readLoad(sandbox)).rows).toBeGreaterThan(0)
  })

  test('moves data that is in a folder of the host to another one; a failed attempt leaves no copy', async () => {
    await using other = await StackSandbox.create()
    const folder = join(other.folder, 'data')
    await other.up({ settings: { STACK_DATA_DIR: folder } })
    await other.query('CREATE TABLE app.kept AS SELECT 42 AS a')
    const stack = await other.open()
    const { steady } = stack
    const failing = replaceSteadyMethods(stack, {
      updateSettings: async (changes) => {
        if ('STACK_PRIMARY' in changes && changes['STACK_PRIMARY'] !== 'postgres') throw new Error('not now')
        await steady.updateSettings(changes)
      },
    })
    const before = await readdir(folder)
    await expect(switchOver(failing, limits)).rejects.toThrow('not now')
    expect(await readdir(folder)).toEqual(before)
    await switchOver(await other.open(), limits)
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['postgres_data', 'postgres_data_2']))
    expect(await other.query('SELECT a FROM app.kept')).toEqual([{ a: 42 }])
    expect((await other.up()).services['postgres-green']).toBe('unchanged')
  })
})
