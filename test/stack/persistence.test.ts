import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithEngine } from '../docker/sandbox.js'
import { killEveryProcess, waitForRestart } from './crash.js'
import { StackSandbox } from './stack-sandbox.js'

await describeWithEngine('what the stack keeps', () => {
  let sandbox: StackSandbox
  const proof = randomBytes(8).toString('hex')

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up({ profiles: ['cache', 'backup', 'monitoring'] })
    await sandbox.query('CREATE TABLE app.proof (word text)')
    await sandbox.query(`INSERT INTO app.proof VALUES ('${proof}')`)
  })
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

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
