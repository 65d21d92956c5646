import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { Finding } from '#src/stack/checks/finding.js'
import { moveTitles } from '#src/stack/move/journal.js'
import { lastStep, steps } from '../moves.js'
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
  await expectInterrupted(sandbox, move.kind, [move.step])
}

/** The command goes on for as long as it can without an engine, or goes with it, as in a power cut. */
export type Victim = 'engine' | 'machine'

/**
 * Has a process of its own begin a move, and kills the engine with all containers where a step begins. Once the engine is there
 * again, `status` says what was interrupted, and where: a command that survives may have come to a later step.
 */
export async function killEngineDuring(
  sandbox: StackSandbox,
  engine: PrivateEngine,
  move: KilledMove,
  victim: Victim,
): Promise<void> {
  const { folder, project } = sandbox
  const child = spawn(process.execPath, [script, JSON.stringify({ folder, project, ...move, isHeld: true })])
  const errors = text(child.stderr)
  const ended = once(child, 'close')
  const [begun] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown]
  expect(String(begun), begun instanceof Buffer ? '' : await errors).toBe(`at ${move.step}\n`)
  if (victim === 'machine') child.kill('SIGKILL')
  await engine.kill()
  child.stdin.end()
  expect(await ended, await errors).toEqual(victim === 'machine' ? [null, 'SIGKILL'] : [1, null])
  await engine.start()
  const names = [...steps[move.kind], lastStep]
  const later = victim === 'machine' ? [move.step] : names.slice(Math.max(0, names.indexOf(move.step)))
  await expectInterrupted(sandbox, move.kind, later)
}

async function expectInterrupted(
  sandbox: StackSandbox,
  kind: KilledMove['kind'],
  among: readonly string[],
): Promise<void> {
  const { code, stdout } = await sandbox.cli('status', '--json')
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
  expect(findings).toContainEqual({
    check: moveTitles[kind],
    severity: 'critical',
    message: expect.stringMatching(new RegExp(`^interrupted.* at "(${among.join('|')})"$`)),
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
