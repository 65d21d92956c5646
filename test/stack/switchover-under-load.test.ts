import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SwitchoverReport, switchOver } from '../../src/stack/switchover.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { Load, readLoad } from './load.js'
import { openStacks } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'

const limits = { pauseLimitMs: 10_000, syncLimitMs: 120_000 }
const clients = 8

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
    const load = await Load.start(sandbox, clients)
    await load.reach(5000)
    const report: SwitchoverReport = await switchOver(await openStacks(sandbox), limits)
    await load.reach(Math.max(20_000, load.commits + 5000))
    const { commits, failures, longestMs } = await load.stop()
    await annotate(JSON.stringify({ ...report, commits, longestMs }))

    expect(failures).toEqual([])
    expect(report.pauseMs).toBeLessThanOrEqual(2000)
    expect(commits).toBeGreaterThanOrEqual(20_000)
    expect(await readLoad(sandbox)).toEqual({ rows: commits, balance: commits })
    expect(report).toMatchObject({ from: 'postgres', to: 'postgres-green' })
    const stack = await sandbox.open()
    expect(stack.primary).toBe('postgres-green')
    expect(await stack.query('SELECT pg_is_in_recovery()')).toEqual([['f']])
    expect((await (await stack.container('postgres')).inspect()).State.Running).toBe(false)
  })
})
