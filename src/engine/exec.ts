import { randomBytes } from 'node:crypto'
import type { Duplex, Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import type Docker from 'dockerode'
import type { Container } from 'dockerode'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { watchForEnd } from './end-watch.js'
import { engineError, isStatus } from './engine.js'
import { Collector, separateOutputs } from './output-frames.js'
import { listEnvironment } from './service-description.js'

export interface ExecOptions {
  /** Written to the command's standard input, which is then closed. */
  readonly stdin?: string | Uint8Array | Readable
  /** Receives standard output as it comes, and is ended with it; `stdout` of the result is then empty. */
  readonly output?: Writable
  /** uid or uid:gid; the container's own if left out. */
  readonly user?: string
  /** Never for secrets: the engine shows it. */
  readonly environment?: Readonly<Record<string, string>>
  /** In addition to the stack's own. On abort the command's connection is closed and ERR_ABORTED is thrown. */
  readonly signal?: AbortSignal
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** In the environment of every command, to find its processes by: the engine itself cannot end a command. */
export const markName = 'SIMDGRES_EXEC'

/** Runs a command in a running container; `name` is for messages. An abort ends the command, too. */
export async function execIn(
  container: Container,
  name: string,
  argv: readonly string[],
  options: ExecOptions & { readonly signal: AbortSignal },
): Promise<ExecResult> {
  const action = `running ${argv[0]} in ${name}`
  const mark = randomBytes(8).toString('hex')
  try {
    throwIfAborted(options.signal)
    const { execution, stream } = await startExec(container, argv, {
      ...options,
      environment: { ...options.environment, [markName]: mark },
    })
    const stopWatch = watchForEnd(stream, async () => !(await execution.inspect()).Running)
    const outputs = await converse(stream, options).finally(stopWatch)
    const { ExitCode } = await execution.inspect()
    return { exitCode: ExitCode ?? -1, ...outputs }
  } catch (error) {
    if (options.signal.aborted) await interrupt(container, mark, options.user)
    throw execError(error, name, action, options.signal)
  }
}

/** Starts a command with its input and outputs attached. Throws the engine's own errors. */
export async function startExec(
  container: Container,
  argv: readonly string[],
  { user, environment }: Pick<ExecOptions, 'user' | 'environment'>,
): Promise<{ execution: Docker.Exec; stream: Duplex }> {
  const execution = await container.exec({
    Cmd: [...argv],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ...(user !== undefined && { User: user }),
    Env: listEnvironment(environment ?? {}),
  })
  return { execution, stream: await execution.start({ hijack: true, stdin: true }) }
}

/**
 * Sends SIGINT, on which psql and pg_dump cancel their statement. Closing the stream alone would leave the command running
 * and its locks held. Does not wait for its end.
 */
export async function interrupt(container: Container, mark: string, user: string | undefined): Promise<void> {
  // A command whose start the engine has only begun is not there yet.
  const script = `for attempt in 1 2 3 4 5 6 7 8 9 10; do
    for process in /proc/[0-9]*; do
      if tr '\\0' '\\n' <"$process/environ" | grep -qx "${markName}=$0"; then kill -INT "\${process#/proc/}" && found=1; fi
    done
    test -z "$found" || exit
    sleep 0.2
  done 2>/dev/null`
  try {
    const execution = await container.exec({
      Cmd: ['sh', '-c', script, mark],
      ...(user !== undefined && { User: user }),
    })
    await execution.start({ Detach: true })
  } catch {
    // The container, or the engine, is gone: so is the command.
  }
}

/** What to throw where a command in the container `name` failed to run: a container that is away is not the engine's fault. */
export function execError(error: unknown, name: string, action: string, signal: AbortSignal): SimdgresError {
  if (!isStatus(error, 404, 409)) return engineError(error, action, signal)
  return new SimdgresError('ERR_UNAVAILABLE', `${name} is not running`, 'Start the stack: simdgres up', {
    cause: error,
  })
}

/** Sends standard input and collects outputs until the command closes them. */
export async function converse(
  stream: Duplex,
  { stdin, output, signal }: Pick<ExecOptions, 'stdin' | 'output'> & { readonly signal: AbortSignal },
): Promise<{ stdout: string; stderr: string }> {
  const stdout = new Collector()
  const stderr = new Collector()
  const stop = (): void => {
    stream.destroy()
  }
  const ended = new AbortController()
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (signal.aborted) stop()
    throwIfAborted(signal)
    const sending = send(stream, stdin, ended.signal)
    // Awaited below. If reading fails first, that is the failure to report.
    sending.catch(() => undefined)
    await separateOutputs(stream, { stdout: output ?? stdout, stderr })
    // The command is over and reads no more, but whoever writes its input may not know that and keep it open.
    ended.abort()
    await sending
    if (output) {
      output.end()
      await finished(output)
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
  throwIfAborted(signal)
  return { stdout: stdout.text(), stderr: stderr.text() }
}

/** A command that ends without reading all of its input is no failure here: its exit code says whether it failed. */
async function send(
  stream: Duplex,
  stdin: string | Uint8Array | Readable | undefined,
  ended: AbortSignal,
): Promise<void> {
  try {
    if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array) {
      stream.end(stdin ?? '')
    } else {
      const forward = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
        for await (const chunk of chunks) {
          if (!stream.write(chunk)) await drained(stream)
        }
        stream.end()
      }
      await pipeline(stdin, forward, { signal: ended })
    }
  } catch (error) {
    if (ended.aborted) return
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'].includes(code)) {
      stream.destroy()
      throw error
    }
  }
}

/** Resolves when more can be written, and also when nothing can be written any more: the next write fails then. */
async function drained(stream: Duplex): Promise<void> {
  if (stream.destroyed) return
  await new Promise<void>((resolve, reject) => {
    const release = (): void => {
      stream.off('drain', onReady).off('close', onReady).off('error', onError)
    }
    const onReady = (): void => {
      release()
      resolve()
    }
    const onError = (error: Error): void => {
      release()
      reject(error)
    }
    stream.on('drain', onReady).on('close', onReady).on('error', onError)
  })
}
