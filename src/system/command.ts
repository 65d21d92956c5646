import { type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { SimdgresError, throwIfAborted } from '../errors.js'

/** An operating-system user a child process runs as; needs root. */
export interface ProcessUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export interface CommandOptions {
  /** What the command does, as the subject of an error message: `Building pgvector`. */
  readonly purpose: string
  /** The next step when it fails. */
  readonly hint: string
  readonly signal: AbortSignal
  readonly cwd?: string
  /** The whole environment of the child; ours if left out. */
  readonly env?: NodeJS.ProcessEnv
  readonly user?: ProcessUser | undefined
  /** For its standard input, which is empty otherwise. Secrets go here: everybody can see arguments. */
  readonly input?: string
}

/** Enough of a failed build's output to see the first error, small enough to read. */
const shownLines = 20
/** Grace between SIGTERM and SIGKILL after an abort. */
const killAfterMs = 2_000

/**
 * Runs a command to its end and resolves with its standard output. On abort the whole process group ends, compilers
 * started by make included, before the promise rejects: nothing goes on in the background.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  throwIfAborted(options.signal)
  const spawnOptions: SpawnOptions = {
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.env && { env: options.env }),
    ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
  }
  const child = spawn(command, args, spawnOptions)
  // A command that ends without reading its input says why by its exit code.
  child.stdin?.on('error', () => undefined).end(options.input)
  const stdout: Buffer[] = []
  const all: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout.push(chunk)
    all.push(chunk)
  })
  child.stderr?.on('data', (chunk: Buffer) => all.push(chunk))

  const onAbort = () => killGroup(child.pid)
  options.signal.addEventListener('abort', onAbort, { once: true })
  const end = await new Promise<{ code: number | null; killedBy: string | null } | { error: Error }>(
    (resolve) => {
      child.once('error', (error) => resolve({ error }))
      child.once('close', (code, killedBy) => resolve({ code, killedBy }))
    },
  )
  options.signal.removeEventListener('abort', onAbort)

  throwIfAborted(options.signal)
  if ('error' in end) throw cannotStart(command, end.error, options)
  if (end.code !== 0) {
    const how = end.killedBy ? `was ended by ${end.killedBy}` : `exited with code ${end.code}`
    throw describeFailure(`${options.purpose} failed: ${command} ${how}`, Buffer.concat(all), options.hint)
  }
  return Buffer.concat(stdout).toString()
}

/** Judges the failure by its output: a full disk is not a broken build. */
export function describeFailure(headline: string, output: Buffer | string, hint: string): SimdgresError {
  const lines = output.toString().trimEnd().split('\n').slice(-shownLines)
  const message = `${headline}\n${lines.map((line) => `  ${line}`).join('\n')}`
  return /No space left on device|Disk quota exceeded/i.test(message)
    ? new SimdgresError(
        'ERR_RESOURCE',
        message,
        'Free some space there, or set SIMDGRES_CACHE to another folder.',
      )
    : new SimdgresError('ERR_UNAVAILABLE', message, hint)
}

function cannotStart(command: string, error: Error, options: CommandOptions): SimdgresError {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT') {
    return new SimdgresError(
      'ERR_UNAVAILABLE',
      `${options.purpose} needs \`${command}\`, which is not installed`,
      options.hint,
      { cause: error },
    )
  }
  const whom = options.user ? ` as user ${options.user.name}` : ''
  return new SimdgresError(
    'ERR_RESOURCE',
    `${options.purpose} failed: ${command} could not be started${whom} (${code || error.message})`,
    options.user ? 'Run the command as an ordinary user instead of root.' : options.hint,
    { cause: error },
  )
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  signalGroup(pid, 'SIGTERM')
  setTimeout(() => signalGroup(pid, 'SIGKILL'), killAfterMs).unref()
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // Gone already, which is what we wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/**
 * The command, wrapped so that on Linux the kernel sends it `signal` when this process dies, even by kill -9. setpriv
 * sets that flag after the change of user, which would clear it; it survives exec.
 */
export function endsWithParent(
  command: readonly [string, ...string[]],
  signal: 'INT' | 'KILL',
): [string, ...string[]] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
  return setpriv ? [setpriv, '--pdeathsig', signal, '--', ...command] : [...command]
}
