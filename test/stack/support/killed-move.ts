import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { Finding } from '#src/stack/checks/finding.js'
import { moveTitles } from '#src/stack/move/journal.js'
import type { StackSandbox } from '../stack-sandbox.js'

const script = fileURLToPath(new URL('killed-move.mjs', import.meta.url))

export interface KilledMove {
  readonly kind: keyof typeof moveTitles
  /** The last that is written down. */
  readonly step: string
  /** Of a restore of the server. */
  readonly target?: string
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
