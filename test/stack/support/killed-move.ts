import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { Finding } from '#src/stack/checks/finding.js'
import { moveTitles } from '#src/stack/move/journal.js'
import type { PrivateEngine } from '../private-engine.js'
import type { StackSandbox } from '../stack-sandbox.js'

const script = fileURLToPath(new URL('killed-move.mjs', import.meta.url))

export interface KilledMove {
  readonly kind: keyof typeof moveTitles
  /** The last that is written down. */
  readonly step: string
  /** Of a restore of the server. */
  readonly target?: string
  readonly repository?: 2
  /** One that was verified earlier. */
  readonly isResumed?: true
}

/** Has a process of its own begin a move, which SIGKILL ends; `status` then says what was interrupted, and where. */
export async function killMove(sandbox: StackSandbox, move: KilledMove): Promise<void> {
  const { folder, project } = sandbox
  const args = JSON.stringify({ folder, project, ...move })
  const outcome = await promisify(execFile)(process.execPath, [script, args]).then(
    () => ({ signal: undefined, stderr: '' }),
    (error: { signal: string; stderr: string }) => error,
  )
  expect(outcome.signal, outcome.stderr).toBe('SIGKILL')
  await expectInterrupted(sandbox, move)
}

/**
 * Has a process of its own begin a move, and kills the engine with all containers where a step begins: the move fails, and can
 * undo nothing. Once the engine is there again, `status` says what was interrupted, and where.
 */
export async function killEngineDuring(
  sandbox: StackSandbox,
  engine: PrivateEngine,
  move: KilledMove,
): Promise<void> {
  const { folder, project } = sandbox
  const child = spawn(process.execPath, [script, JSON.stringify({ folder, project, ...move, isHeld: true })])
  const errors = text(child.stderr)
  const ended = once(child, 'close')
  const [begun] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown]
  expect(String(begun), begun instanceof Buffer ? '' : await errors).toBe(`at ${move.step}\n`)
  await engine.kill()
  child.stdin.end()
  expect(await ended, await errors).toEqual([1, null])
  await engine.start()
  await expectInterrupted(sandbox, move)
}

async function expectInterrupted(sandbox: StackSandbox, move: KilledMove): Promise<void> {
  const { code, stdout } = await sandbox.cli('status', '--json')
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
  expect(findings).toContainEqual({
    check: moveTitles[move.kind],
    severity: 'critical',
    message: expect.stringMatching(new RegExp(`^interrupted.* at "${move.step}"$`)),
    hint: 'simdgres repair',
  })
  expect(code).toBe(2)
}

/** No finding says that a move is half done, that the pool gives no answer, or that a database is closed. */
export async function expectWhole(sandbox: StackSandbox): Promise<void> {
  const { stdout } = await sandbox.cli('status', '--json')
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
  const checks = [
    ...Object.values(moveTitles),
    'move',
    'databases',
    'query through the pool',
    'service pgbouncer',
  ]
  expect(findings.filter(({ check, severity }) => severity === 'critical' && checks.includes(check))).toEqual(
    [],
  )
}
