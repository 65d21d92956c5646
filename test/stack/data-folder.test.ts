import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

  test('stays when the stack is removed with its volumes, and is used by the next one', async () => {
    expect((await sandbox.cli('down', '--volumes', '--yes')).code).toBe(0)
    await sandbox.up()
    expect(await sandbox.query('SELECT number FROM app.proof')).toEqual([{ number: 4711 }])
  })
})
