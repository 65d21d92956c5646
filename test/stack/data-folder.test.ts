import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runOnFolder } from '#src/stack/services/host-folder.js'
import { startCli } from '../cli/run-cli.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

await describeWithEngine('data in a folder of the host', () => {
  let sandbox: StackSandbox
  let folder: string

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    folder = join(sandbox.folder, 'fast-storage')
    await sandbox.up({ settings: { STACK_DATA_DIR: folder } })
    await sandbox.query('CREATE TABLE app.proof AS SELECT 4711 AS number')
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  test('is made with the owner that the server needs, in place of a volume', async () => {
    const { uid, mode } = await stat(join(folder, 'postgres_data', 'postgres_data', 'pgdata'))
    expect([uid, mode & 0o777]).toEqual([999, 0o700])
    expect(await (await sandbox.open()).listVolumes()).not.toContain('postgres_data')
  })

  test('leaves no volume of the containers that work on it', async () => {
    const stack = await sandbox.open()
    const { exitCode, stdout } = await runOnFolder(stack.engine, {
      imageId: await stack.ensureImage('postgres'),
      folder,
      argv: ['cat', '/proc/self/mountinfo'],
      capabilities: [],
      signal: new AbortController().signal,
    })
    expect(exitCode).toBe(0)
    const nameless = /\/volumes\/([0-9a-f]{64})\/_data/.exec(stdout)?.[1]
    expect(nameless, stdout).toBeDefined()
    await expect(stack.engine.getVolume(nameless!).inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('stays when the stack is removed with its volumes, and is used by the next one', async () => {
    expect((await sandbox.cli('down', '--volumes', '--yes')).code).toBe(0)
    await sandbox.up()
    expect(await sandbox.query('SELECT number FROM app.proof')).toEqual([{ number: 4711 }])
  })

  test('is restored to a point in time into a folder beside it; an attempt that is stopped leaves none', async () => {
    expect((await sandbox.cli('backup', '--physical')).code).toBe(0)
    await sleep(1100)
    const [row] = await sandbox.query(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time`,
    )
    const time = String(row!['time'])
    await sandbox.query('UPDATE app.proof SET number = 0')
    const place = ['--dir', sandbox.folder, '--project', sandbox.project]
    const before = await readdir(folder)
    const stopped = startCli(['restore', ...place, '--to', time, '--yes'])
    await stopped.waitFor('replaying the log')
    expect(await readdir(folder)).toContain('postgres_data_2')
    stopped.process.kill('SIGINT')
    expect((await stopped.done).code).toBe(130)
    expect(await readdir(folder)).toEqual(before)
    expect(await sandbox.query('SELECT number FROM app.proof')).toEqual([{ number: 0 }])

    expect(await sandbox.cli('restore', '--to', time, '--yes')).toMatchObject({ code: 0 })
    expect(await sandbox.query('SELECT number FROM app.proof')).toEqual([{ number: 4711 }])
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['postgres_data', 'postgres_data_2']))
    expect((await sandbox.up()).services['postgres-green']).toBe('unchanged')
  }, 900_000)
})
