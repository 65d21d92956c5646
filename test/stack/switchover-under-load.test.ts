import { afterAll, beforeAll, expect, test } from 'vitest'
import { switchOver } from '#src/stack/move/switchover.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { limits, moveUnderLoad } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'

/** Promises how long clients wait: nothing else may run beside it. */
await describeWithEngine('switchover under load', () => {
  let sandbox: StackSandbox
  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  test('moves 20,000 transactions of 8 clients to a new server, none fails and none is lost', async ({
    annotate,
  }) => {
    const report = await moveUnderLoad(sandbox, annotate, (stack) => switchOver(stack, limits))
    expect(report).toMatchObject({ from: 'postgres', to: 'postgres-green' })
    const stack = await sandbox.open()
    expect(stack.primary).toBe('postgres-green')
    expect(await stack.query('SELECT pg_is_in_recovery()')).toEqual([['f']])
    expect((await (await stack.container('postgres')).inspect()).State.Running).toBe(false)
  })
})
