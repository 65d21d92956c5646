import { type ChildProcess, spawn } from 'node:child_process'
import { SimdgresError } from '../../errors.js'
import { endsWithParent, type ProcessUser } from '../../system/command.js'

export interface PostmasterOptions {
  /** Path of the `postgres` program. */
  readonly program: string
  readonly dataDir: string
  readonly parameters: ReadonlyMap<string, string>
  readonly env: NodeJS.ProcessEnv
  readonly user: ProcessUser | undefined
}

/** Lines of the server's log that are kept to explain its end. */
const keptLines = 200
const shownLines = 15
/** A fast shutdown writes a checkpoint; beyond this, data that is thrown away anyway is not worth the wait. */
const fastShutdownMs = 15_000
const immediateShutdownMs = 5_000

/** One running server process, its log and its end. */
export class Postmaster {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #exited: Promise<void>
  #end: string | undefined
  #isStopped = false

  constructor(options: PostmasterOptions) {
    const [command, ...args] = serverCommand(options)
    this.#child = spawn(command, args, {
      // Ctrl-C in a terminal reaches the whole process group; the server ends when we say so.
      detached: true,
      cwd: options.dataDir,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#keep(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text))
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#end = `could not be started (${error.message})`
        resolve()
      })
      // `close`, not `exit`: the last lines of the log are in by then.
      this.#child.once('close', (code, signal) => {
        this.#end ??= signal ? `was ended by ${signal}` : `exited with code ${code}`
        resolve()
      })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** How it ended, `exited with code 1`; undefined while it runs. */
  get end(): string | undefined {
    return this.#end
  }

  /** Resolves when the process is gone. */
  get exited(): Promise<void> {
    return this.#exited
  }

  /** The last lines of the server's log, indented for an error message. */
  get logTail(): string {
    return this.#lines
      .slice(-shownLines)
      .map((line) => `  ${line}`)
      .join('\n')
  }

  /** Why the server is gone, with a code that fits what its log says. */
  describeEnd(): SimdgresError {
    const log = this.logTail
    const message = `The PostgreSQL server ${this.#end ?? 'does not answer'}${log && `; its last lines:\n${log}`}`
    const known = knownEnds.find(({ pattern }) => pattern.test(log))
    return known
      ? new SimdgresError(known.code, message, known.hint)
      : new SimdgresError('ERR_LOST_CONNECTION', message, 'Read the last lines above; run it again.')
  }

  /** True once `stop` was called, so that its end is expected. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /**
   * Fast shutdown, then immediate shutdown, then SIGKILL. Resolves when the process is gone.
   * @param waitMs for the checkpoint of a fast shutdown.
   */
  async stop(waitMs = fastShutdownMs): Promise<void> {
    this.#isStopped = true
    const steps = [
      { signal: 'SIGINT', waitMs },
      { signal: 'SIGQUIT', waitMs: immediateShutdownMs },
      { signal: 'SIGKILL', waitMs: undefined },
    ] as const
    for (const { signal, waitMs } of steps) {
      if (this.#end !== undefined) return
      this.#child.kill(signal)
      await Promise.race([this.#exited, ...(waitMs === undefined ? [] : [sleep(waitMs)])])
    }
  }

  #keep(text: string): void {
    this.#lines.push(...text.split('\n').filter((line) => line.trim() !== ''))
    this.#lines.splice(0, Math.max(0, this.#lines.length - keptLines))
  }
}

const knownEnds = [
  {
    pattern: /unrecognized configuration parameter|invalid value for parameter|outside the valid range/,
    code: 'ERR_INVALID_ARGUMENT',
    hint: 'Correct the name or the value of that server parameter.',
  },
  {
    pattern: /could not bind|Address already in use/,
    code: 'ERR_RESOURCE',
    hint: 'Choose another port, or leave the port out to get a free one.',
  },
  {
    pattern: /could not (map anonymous|create) shared memory|Cannot allocate memory|No space left on device/,
    code: 'ERR_RESOURCE',
    hint: 'Lower shared_buffers or the memory setting, or free some memory and disk space.',
  },
] as const

/** Arranges a fast shutdown for the case that we die. */
function serverCommand(options: PostmasterOptions): [string, ...string[]] {
  const settings = [...options.parameters].flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server: [string, ...string[]] = [options.program, '-D', options.dataDir, ...settings]
  return endsWithParent(server, 'INT')
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
