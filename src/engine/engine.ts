import type Docker from 'dockerode'
import type { HostSize } from '../config/recommended-settings.js'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { cachePath } from '../system/cache-folder.js'
import { toStorageError } from '../system/storage-error.js'
import { connectTo, type Endpoint, findEndpoint } from './connection/endpoint.js'

export type Engine = Docker
export type { Container } from 'dockerode'

/** An engine on this machine answers in a few milliseconds; one that hangs must not hold up `--target auto`. */
const pingTimeoutMs = 3000

/** Errors of a connection, whatever was being done on it. */
const connectionErrors = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT'])
/** Errors of the engine's socket where they come from connecting to it; else those of some file. */
const socketErrors = new Set(['ENOENT', 'EACCES', 'EPERM'])

function isLostEngine({ code = '', syscall }: NodeJS.ErrnoException): boolean {
  return connectionErrors.has(code) || (socketErrors.has(code) && syscall === 'connect')
}

/**
 * A client of the engine that docker would use: of DOCKER_HOST, of the current context, or of the default socket.
 * @throws ERR_UNAVAILABLE where these name none that could be connected to. Whether it answers is not asked.
 */
export function connectEngine(): Docker {
  return connectTo(findEndpoint())
}

/** The reason why no engine answers; undefined where one does. */
export async function findEngineProblem(): Promise<string | undefined> {
  return (await findProblem())?.reason
}

/** @throws ERR_UNAVAILABLE with the reason. */
export async function requireEngine(): Promise<void> {
  const problem = await findProblem()
  if (problem !== undefined) throw problem.error
}

async function findProblem(): Promise<{ reason: string; error: SimdgresError } | undefined> {
  let endpoint: Endpoint | undefined
  try {
    endpoint = findEndpoint()
    await connectTo(endpoint, pingTimeoutMs).ping()
    return undefined
  } catch (error) {
    if (error instanceof SimdgresError) return { reason: error.message, error }
    if (endpoint === undefined) throw error
    return describeSilence(endpoint, error)
  }
}

function describeSilence({ name, cure }: Endpoint, cause: unknown): { reason: string; error: SimdgresError } {
  const isForbidden = (cause as NodeJS.ErrnoException).code === 'EACCES'
  const reason = `${name}: ${isForbidden ? 'this user may not open it (EACCES)' : describeEngineError(cause)}`
  const hint = isForbidden
    ? 'Join the group that owns the socket (usermod -aG docker USER, then log in again), or use --target local.'
    : `${cure}, or use --target local.`
  const message = `No Docker engine answers (${reason})`
  return { reason, error: new SimdgresError('ERR_UNAVAILABLE', message, hint, { cause }) }
}

export function isStatus(error: unknown, ...statusCodes: readonly number[]): boolean {
  return statusCodes.includes((error as { statusCode?: number }).statusCode ?? 0)
}

/** The engine's own message, without dockerode's prefix. */
export function describeEngineError(error: unknown): string {
  const body = (error as { json?: { message?: string } }).json
  return body?.message ?? (error instanceof Error ? error.message : String(error))
}

/**
 * What to throw for an error of an engine call: ours as it is, ERR_ABORTED after an abort, ERR_LOST_CONNECTION where
 * the engine is gone, the error of a file where that is what failed, else ERR_RESOURCE with the engine's sentence.
 */
export function engineError(error: unknown, action: string, signal?: AbortSignal): SimdgresError {
  if (error instanceof SimdgresError) return error
  if (signal?.aborted) {
    return new SimdgresError('ERR_ABORTED', `Stopped while ${action}`, 'Start it again.', {
      cause: error,
    })
  }
  const { code, path } = error as NodeJS.ErrnoException
  if (isLostEngine(error as NodeJS.ErrnoException)) {
    return new SimdgresError(
      'ERR_LOST_CONNECTION',
      `The Docker engine went away while ${action} (${code})`,
      'Start the engine again; what this run left there is removed by the next run.',
      { cause: error },
    )
  }
  const place = path?.startsWith(cachePath()) ? 'cache' : 'named'
  const ofFile = toStorageError(error, path === undefined ? action : `${action}: ${path}`, place)
  if (ofFile instanceof SimdgresError) return ofFile
  return new SimdgresError(
    'ERR_RESOURCE',
    `The Docker engine failed while ${action}: ${describeEngineError(error)}`,
    'Its log and `docker info` tell more.',
    { cause: error },
  )
}

/** One message of the engine's progress streams (pull, build, import). */
export interface ProgressEvent {
  readonly stream?: string
  readonly status?: string
  readonly id?: string
  readonly error?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

/** Reads a progress stream to its end. Rejects with the `error` that the engine reports in it. */
export async function followStream(
  engine: Docker,
  stream: NodeJS.ReadableStream,
  onEvent: (event: ProgressEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const stop = (): void => {
    // The engine gives up when the connection is closed.
    ;(stream as NodeJS.ReadableStream & { destroy(): void }).destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    throwIfAborted(signal)
    let failure: string | undefined
    await new Promise<void>((resolve, reject) => {
      const onFinished = (error: Error | null): void => (error ? reject(error) : resolve())
      engine.modem.followProgress(stream, onFinished, (event: ProgressEvent) => {
        if (event.error !== undefined) failure = event.error
        else onEvent(event)
      })
    })
    throwIfAborted(signal)
    if (failure !== undefined) throw new Error(failure)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

export async function readHostSize(engine: Docker): Promise<HostSize> {
  try {
    const { NCPU, MemTotal } = (await engine.info()) as { NCPU: number; MemTotal: number }
    return { cpus: NCPU, memoryBytes: MemTotal }
  } catch (error) {
    throw engineError(error, 'asking for its processors and memory')
  }
}
