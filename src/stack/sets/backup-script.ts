import type { ExecResult } from '../../engine/exec.js'
import { type ErrorCode, errorCodes, SimdgresError } from '../../errors.js'
import { backupService } from '../services/service-names.js'
import type { Stack } from '../stack.js'

const library = '/usr/local/lib/simdgres/backup'
const shownLines = 8

interface ScriptOptions {
  /** The script needs the backups but no server: its container has no network, and starts sooner. */
  readonly isOffline: boolean
}

/**
 * Runs one of docker/backup's scripts in a container like that of the backup service, so the schedule and the command
 * line do the same. Resolves to its standard output.
 * @throws the error that the script's exit code stands for, with its last lines.
 */
export async function runBackupScript(
  stack: Stack,
  script: string,
  args: readonly string[] = [],
  options: ScriptOptions = { isOffline: false },
): Promise<string> {
  const result = await tryBackupScript(stack, script, args, options)
  requireExitZero(result, script)
  return result.stdout
}

/** As above; a non-zero exit code is a result. */
export async function tryBackupScript(
  stack: Stack,
  script: string,
  args: readonly string[],
  { isOffline }: ScriptOptions,
): Promise<ExecResult> {
  const place = { service: backupService, ...(isOffline && { networks: [] }) }
  try {
    return await stack.runOneShot([`${library}/${script}`, ...args], place)
  } catch (error) {
    if (stack.signal.aborted) await discardUnfinished(stack)
    throw error
  }
}

/** Runs a command that needs the backups but no server. */
export async function runOffline(stack: Stack, argv: readonly string[]): Promise<string> {
  const result = await tryOffline(stack, argv)
  requireExitZero(result, argv[0]!)
  return result.stdout
}

/** As above; a non-zero exit code is a result. */
export function tryOffline(stack: Stack, argv: readonly string[]): Promise<ExecResult> {
  return stack.runOneShot(argv, { service: backupService, networks: [] })
}

/** Removes the files that a stopped run was writing: its container was killed before it could do that itself. */
async function discardUnfinished(stack: Stack): Promise<void> {
  // Refused if another run has begun: that one has removed them already.
  await stack.steady.runOneShot([`${library}/discard-unfinished.sh`], {
    service: backupService,
    networks: [],
  })
}

const codesByExit = new Map<number, ErrorCode>(
  Object.entries(errorCodes).map(([code, exit]) => [exit, code as ErrorCode]),
)

export function requireExitZero({ exitCode, stderr }: ExecResult, script: string): void {
  if (exitCode === 0) return
  const lines = stderr.trim().split('\n').slice(-shownLines).join('\n') || `exit code ${exitCode}`
  if (/No space left on device/.test(stderr)) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `The volume of the backups is full; nothing of this backup is kept:\n${lines}`,
      'Make space there, or keep fewer sets (--keep), and run it again.',
    )
  }
  throw new SimdgresError(
    codesByExit.get(exitCode) ?? 'ERR_CHECK_FAILED',
    `${script} failed:\n${lines}`,
    'Correct what the last lines say; simdgres status shows the state of the stack.',
  )
}
