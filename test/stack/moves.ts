import { expect } from 'vitest'
import type { MoveKind } from '#src/stack/move/journal.js'
import type { Stack } from '#src/stack/stack.js'
import { Load, readLoad } from './load.js'
import type { StackSandbox } from './stack-sandbox.js'

export const limits = { pauseLimitMs: 10_000, syncLimitMs: 120_000 }
export const clients = 8

const ends = ['point the pool at the new primary', 'ask the pool where it goes', 'let clients go on']

/** Steps of each kind of move that can be undone, in their order. */
export const steps: Readonly<Record<MoveKind, readonly string[]>> = {
  restore: [
    'restore the server',
    'verify the restored server',
    'pause the pool',
    'stop the old server',
    'name the new primary in .env',
    'start the restored server',
    ...ends,
  ],
  switchover: [
    'copy the server',
    'wait for the new server',
    'prepare the exchange',
    'pause the pool',
    'stop the old server',
    'promote the new server',
    'name the new primary in .env',
    ...ends,
  ],
  upgrade: [
    'start the new server',
    'copy the schemas',
    'copy the rows',
    'make the indexes',
    'prepare the way back',
    'pause the pool',
    'close the old server',
    'compare the schemas',
    'wait for the last rows',
    'copy the sequences',
    'name the new primary in .env',
    ...ends,
  ],
  swap: ['pause the pool', 'rename both databases', 'let clients go on'],
  rollback: [
    'pause the pool',
    'close the old server',
    'wait for the last rows',
    'copy the sequences',
    'open the new server',
    'name the new primary in .env',
    ...ends,
  ],
}
/** After them: clients are at work on the new server. */
export const lastStep = 'finish the move'
const promisedPauseMs = 2000

/**
 * Moves the stack while clients commit 20,000 transactions: none fails, none is lost, none waits longer than promised.
 * @param annotate gets what was measured.
 */
export async function moveUnderLoad<Report extends { readonly pauseMs: number }>(
  sandbox: StackSandbox,
  annotate: (text: string) => Promise<unknown>,
  move: (stack: Stack) => Promise<Report>,
): Promise<Report> {
  const load = await Load.start(sandbox, clients)
  await load.reach(5000)
  const report = await move(await sandbox.open())
  await load.reach(Math.max(20_000, load.commits + 5000))
  const { commits, failures, longestMs } = await load.stop()
  await annotate(JSON.stringify({ ...report, commits, longestMs }))
  expect(failures).toEqual([])
  expect(report.pauseMs).toBeLessThanOrEqual(promisedPauseMs)
  expect(commits).toBeGreaterThanOrEqual(20_000)
  expect(await readLoad(sandbox)).toEqual({ rows: commits, balance: commits })
  return report
}

/** `stack`, with some of its methods replaced: for failures that cannot be had otherwise at the right moment. */
export function replaceMethods(stack: Stack, methods: Partial<Stack>): Stack {
  return new Proxy(stack, {
    get(target, name) {
      if (name in methods) return Reflect.get(methods, name)
      const own: unknown = Reflect.get(target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

/** `stack`, with some methods replaced of what works on deaf to Ctrl-C. */
export function replaceSteadyMethods(stack: Stack, methods: Partial<Stack>): Stack {
  return replaceMethods(stack, { steady: replaceMethods(stack.steady, methods) })
}
