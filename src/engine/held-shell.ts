import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import type Docker from 'dockerode'
import type { Container } from 'dockerode'
import { throwIfAborted } from '../errors.js'
import { watchForEnd } from './end-watch.js'
import { type ExecResult, execError, execIn, interrupt, markName, startExec } from './exec.js'
import { separateOutputs } from './output-frames.js'

export interface ShellCommand {
  readonly argv: readonly string[]
  /** Text without NUL, of a size that a shell variable holds. Line feeds at its end become one. */
  readonly stdin: string
  readonly signal: AbortSignal
}

/** More would only take memory of the containers: commands seldom run beside each other. */
const mostIdle = 2

/**
 * Reads the lengths of a command and of its input, then both; runs it, and ends both outputs with the mark and its exit
 * code. A command that does not read all of its input leaves nothing behind that would be taken for the next one.
 */
const loop = `
while read -r commandBytes inputBytes; do
  command=$(head -c "$commandBytes")
  input=$(head -c "$inputBytes")
  printf '%s\\n' "$input" 2>/dev/null | (eval "$command")
  end="$0 $? "
  printf '%s' "$end"
  printf '%s' "$end" >&2
done`

/**
 * Runs short commands in running containers by shells that stay there. To start a command, the engine starts three
 * processes of its own, which costs more than most statements; a shell starts one. Each command is still a process of its
 * own, with its own connection to a server.
 */
export class HeldShells {
  /** By the container's id. */
  readonly #idle = new Map<string, HeldShell[]>()

  /** As execIn, whose errors it throws. `environment` is that of the first command in this container. */
  async run(
    container: Container,
    name: string,
    command: ShellCommand,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ExecResult> {
    throwIfAborted(command.signal)
    const { Id: id, State } = await container.inspect().catch((error: unknown) => {
      throw execError(error, name, `looking at ${name}`, command.signal)
    })
    // In a paused container the shell would not answer; the engine refuses a new command with the reason.
    const shell = State.Paused ? undefined : await this.#take(id, container, name, environment)
    if (!shell) return execIn(container, name, command.argv, { ...command, environment })
    const result = await shell.run(command)
    const idle = this.#idle.get(id) ?? []
    if (idle.length < mostIdle) this.#idle.set(id, [...idle, shell])
    else shell.close()
    return result
  }

  async #take(
    id: string,
    container: Container,
    name: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<HeldShell | undefined> {
    for (;;) {
      const shell = this.#idle.get(id)?.pop()
      if (!shell) return HeldShell.start(container, name, environment)
      if (await shell.isAlive()) return shell
      shell.close()
    }
  }
}

class HeldShell {
  readonly #container: Container
  readonly #name: string
  readonly #execution: Docker.Exec
  readonly #socket: Socket
  readonly #stdout: MarkedOutput
  readonly #stderr: MarkedOutput
  readonly #ended: Promise<undefined>

  private constructor(
    container: Container,
    name: string,
    execution: Docker.Exec,
    socket: Socket,
    mark: string,
  ) {
    this.#container = container
    this.#name = name
    this.#execution = execution
    this.#socket = socket
    this.#stdout = new MarkedOutput(mark)
    this.#stderr = new MarkedOutput(mark)
    // An error of the connection ends it, too: a command that waits then asks the engine what happened.
    this.#ended = separateOutputs(socket, { stdout: this.#stdout, stderr: this.#stderr }).then(
      () => undefined,
      () => undefined,
    )
  }

  /** Undefined where it cannot be started, or its connection would keep this process from ending. */
  static async start(
    container: Container,
    name: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<HeldShell | undefined> {
    const mark = `\x1d${randomBytes(8).toString('hex')}`
    try {
      const { execution, stream } = await startExec(container, ['sh', '-c', loop, mark], { environment })
      const socket = stream as Socket
      // What is written to a shell that has ended is not answered, which is noticed where the answer is waited for.
      socket.on('error', () => undefined)
      if (typeof socket.unref === 'function') return new HeldShell(container, name, execution, socket, mark)
      socket.destroy()
      return undefined
    } catch {
      // To be met again, and reported, by execIn.
      return undefined
    }
  }

  async isAlive(): Promise<boolean> {
    if (this.#socket.destroyed || this.#socket.readableEnded) return false
    return (await this.#execution.inspect().catch(() => ({ Running: false }))).Running
  }

  async run({ argv, stdin, signal }: ShellCommand): Promise<ExecResult> {
    const action = `running ${argv[0]} in ${this.#name}`
    const interruptMark = randomBytes(8).toString('hex')
    const command = Buffer.from(`export ${markName}=${interruptMark}; exec ${argv.map(quote).join(' ')}`)
    const input = Buffer.from(stdin)
    const answers = Promise.all([this.#stdout.next(), this.#stderr.next()])
    const done = new AbortController()
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: done.signal })
    })
    const stopWatch = watchForEnd(this.#socket, async () => !(await this.#execution.inspect()).Running)
    this.#socket.ref()
    try {
      throwIfAborted(signal)
      this.#socket.write(Buffer.concat([Buffer.from(`${command.length} ${input.length}\n`), command, input]))
      const answer = await Promise.race([answers, this.#ended, aborted])
      throwIfAborted(signal)
      if (!answer) return await this.#describeEnd()
      const [stdout, stderr] = answer
      return { exitCode: stdout.exitCode, stdout: stdout.text, stderr: stderr.text }
    } catch (error) {
      if (signal.aborted) await interrupt(this.#container, interruptMark, undefined)
      this.close()
      throw execError(error, this.#name, action, signal)
    } finally {
      this.#socket.unref()
      stopWatch()
      done.abort()
    }
  }

  /** Of a command whose shell ended before it, with the container: what execIn says of such a command. */
  async #describeEnd(): Promise<ExecResult> {
    const { ExitCode } = await this.#execution.inspect()
    return { exitCode: ExitCode ?? -1, stdout: this.#stdout.text(), stderr: this.#stderr.text() }
  }

  /** The shell ends with its input. */
  close(): void {
    this.#socket.destroy()
  }
}

interface Answer {
  readonly text: string
  readonly exitCode: number
}

/** An output whose parts end with `mark`, an exit code between spaces. */
class MarkedOutput extends Writable {
  readonly #mark: Buffer
  #received: Buffer[] = []
  #resolve: (answer: Answer) => void = () => undefined

  constructor(mark: string) {
    super()
    this.#mark = Buffer.from(`${mark} `)
  }

  /** What comes from now on, up to the next mark. */
  next(): Promise<Answer> {
    this.#received = []
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  text(): string {
    return Buffer.concat(this.#received).toString('utf8')
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#received.push(Buffer.from(chunk))
    // The mark is the last that comes, and short: most parts are passed over without a search.
    if (chunk.at(-1) === 0x20) this.#findEnd()
    done()
  }

  #findEnd(): void {
    const all = Buffer.concat(this.#received)
    this.#received = [all]
    const start = all.lastIndexOf(this.#mark)
    if (start === -1) return
    const end = /^(\d+) $/.exec(all.toString('latin1', start + this.#mark.length))
    if (end) this.#resolve({ text: all.toString('utf8', 0, start), exitCode: Number(end[1]) })
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
