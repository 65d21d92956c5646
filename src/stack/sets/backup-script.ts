import type { ExecResult } from '../../engine/exec.js'
import { type ErrorCode, errorCodes, SimdgresError } from '../../errors.js'
import { backupService } from '../services/service-names.js'
import type { Stack } from '../stack.js'

const library = '/usr/local/lib/simdgres/backup'
const shownLines = 8

interface ScriptOptions {
  /** It needs the backups and no server: its container has no network, and starts sooner. */
  readonly isOffline: boolean
}

/**
 * Runs one of docker/backup's scripts to its end in a container like that of the backup service: what the schedule
 * does and what the command line does is the same. Resolves to its standard output.
 * @throws what the script's exit code says, with its last lines.
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

/** Runs a command that needs the backups and no server. */
export async function runOffline(stack: Stack, argv: readonly string[]): Promise<string> {
  const result = await tryOffline(stack, argv)
  requireExitZero(result, argv[0]!)
  return result.stdout
}

/** As above; a non-zero exit code is a result. */
export function tryOffline(stack: Stack, argv: readonly string[]): Promise<ExecResult> {
  return stack.runOneShot(argv, { service: backupService, networks: [] })
}

/** The container of a run that was stopped is gone without notice; this removes the files it was writing. */
async function discardUnfinished(stack: Stack): Promise<void> {
  // Refused where another run has begun meanwhile: that one has removed them.
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
