import type { Container } from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readAddress } from '#src/stack/pool/pooler.js'
import type { Stack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

/** Two looks of PgBouncer's health check, a restart, and as much again for a machine that is busy. */
const promisedMs = 40_000

await describeWithEngine('a database that comes back with another address', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let occupant: Container | undefined

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    // What ends a PgBouncer that does not find its database is the check of the engine.
    await sandbox.up({ settings: { STACK_HEALTH_INTERVAL: '5s' } })
    stack = await sandbox.open()
  }, 1_800_000)
  afterAll(async () => {
    await occupant?.remove({ force: true, v: true })
    await sandbox?.[Symbol.asyncDispose]()
  })

  test('is found by the pool again, without a command', async () => {
    expect(await sandbox.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    const before = await readAddress(stack, 'postgres')
    await stack.stopService('postgres')
    occupant = await occupy(stack, before)
    await (await stack.container('postgres')).start()
    await stack.waitUntilHealthy('postgres')
    expect(await readAddress(stack, 'postgres')).not.toBe(before)

    const startedAtMs = performance.now()
    while (!(await sandbox.answers())) {
      expect(performance.now() - startedAtMs).toBeLessThan(promisedMs)
    }
    expect(await stack.logs('pgbouncer', 100)).toContain('another address than PgBouncer knows')
    const { RestartCount } = await (await stack.container('pgbouncer')).inspect()
    expect(RestartCount).toBe(1)
  })
})

/** A container that takes the address, as one that starts while the database is away may get it. */
async function occupy(stack: Stack, address: string): Promise<Container> {
  const container = await stack.engine.createContainer({
    Image: await stack.ensureImage('postgres'),
    Entrypoint: ['sleep', 'infinity'],
    HostConfig: { NetworkMode: stack.networkName('backend') },
  })
  await container.start()
  // The lowest free one is given; not by promise, so it is checked.
  const { NetworkSettings } = await container.inspect()
  expect(NetworkSettings.Networks[stack.networkName('backend')]?.IPAddress).toBe(address)
  return container
}
