import { type ErrorCode, SimdgresError } from '../errors.js'
import { cachePath } from './cache-folder.js'
import { errnoOf, toStorageError } from './storage-error.js'

interface Limit {
  readonly code: ErrorCode
  readonly what: string
  readonly hint: string
}

const tryAgain = 'See whether it is still running and what its log says, then try again.'
const checkAddress = 'Check the name of the host and the network.'

/** What a system call says of memory, processes and the network; storage-error.ts has what it says of files. */
const limits: Readonly<Record<string, Limit>> = {
  ENOMEM: {
    code: 'ERR_RESOURCE',
    what: 'The system has no memory left',
    hint: 'Work on less data at once, or give the process more memory.',
  },
  EAGAIN: {
    code: 'ERR_RESOURCE',
    what: 'The system allows no more processes or threads',
    hint: 'Raise the limit on processes: ulimit -u, or the pids limit of the container.',
  },
  EADDRINUSE: {
    code: 'ERR_RESOURCE',
    what: 'The port is in use',
    hint: 'Choose another port, or stop the program that listens there.',
  },
  EADDRNOTAVAIL: {
    code: 'ERR_RESOURCE',
    what: 'The system has no free address or port',
    hint: 'Wait a minute for closed connections to be forgotten, then try again.',
  },
  ECONNREFUSED: {
    code: 'ERR_UNAVAILABLE',
    what: 'Nothing answers',
    hint: 'Start the server, and check host and port.',
  },
  ENOTFOUND: { code: 'ERR_UNAVAILABLE', what: 'The host has no address', hint: checkAddress },
  EAI_AGAIN: { code: 'ERR_UNAVAILABLE', what: 'The name server does not answer', hint: checkAddress },
  EHOSTUNREACH: { code: 'ERR_UNAVAILABLE', what: 'The host cannot be reached', hint: checkAddress },
  ENETUNREACH: { code: 'ERR_UNAVAILABLE', what: 'The network cannot be reached', hint: checkAddress },
  ECONNRESET: { code: 'ERR_LOST_CONNECTION', what: 'The other side closed the connection', hint: tryAgain },
  ETIMEDOUT: { code: 'ERR_LOST_CONNECTION', what: 'The other side no longer answers', hint: tryAgain },
  EPIPE: { code: 'ERR_LOST_CONNECTION', what: 'The reader of what is written has gone away', hint: tryAgain },
}

/** Node's codes for objects larger than it can make, or than the memory that is left. */
const sizeCodes = new Set(['ERR_STRING_TOO_LONG', 'ERR_BUFFER_TOO_LARGE', 'ERR_WORKER_OUT_OF_MEMORY'])
/** What V8 and C++ say of the same, without a code. A negative length is not a limit but a miscalculation. */
const sizeMessages = [
  /^Array buffer allocation failed/,
  /^Invalid (typed array|array buffer|array|string) length(?!: (-|NaN))/,
  /^The value of "size" is out of range\..*Received [\d_]+$/,
  /^std::bad_alloc$/,
]

/**
 * The error to show for one that nobody explained where it happened: a SimdgresError where the machine is at its limits
 * or refuses something, undefined where only a defect of ours can be the reason. Looks through causes and
 * AggregateErrors, which is what a connection to several addresses fails with.
 */
export function explainSystemLimit(error: unknown): SimdgresError | undefined {
  for (const found of unfold(error)) {
    if (found instanceof SimdgresError) return found
    if (!(found instanceof Error)) continue
    const explained = explainSize(found) ?? explainErrno(found)
    if (explained !== undefined) return explained
  }
  return undefined
}

/** An error before what caused it. `seen` ends the search where causes go in a circle. */
function unfold(error: unknown, seen = new Set<unknown>()): unknown[] {
  if (seen.has(error)) return []
  seen.add(error)
  if (!(error instanceof Error)) return [error]
  const parts = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return [error, ...[error.cause, ...parts].flatMap((part) => unfold(part, seen))]
}

function explainSize(error: Error): SimdgresError | undefined {
  const isTooLarge =
    sizeCodes.has(errnoOf(error) ?? '') || sizeMessages.some((message) => message.test(error.message))
  if (!isTooLarge) return undefined
  return new SimdgresError(
    'ERR_RESOURCE',
    `The data is too large for the memory of this process (${error.message})`,
    'Work on less of it, as with --rows of bench, or use a machine or a container limit with more memory.',
    { cause: error },
  )
}

/** What libuv adds to an error of a system call. */
interface SystemCallError extends Error {
  readonly syscall: string
  readonly path?: string
  readonly address?: string
  readonly hostname?: string
  readonly port?: number
}

function explainErrno(error: Error): SimdgresError | undefined {
  // Errors of Node itself have codes too; those of the system name the call.
  if (!('syscall' in error)) return undefined
  const { syscall, path, address, hostname, port } = error as SystemCallError
  const host = address ?? hostname
  const object = path ?? (host === undefined || port === undefined ? host : `${host}:${port}`)
  const call = object === undefined ? syscall : `${syscall} ${object}`
  const errno = errnoOf(error) ?? ''
  const limit = limits[errno]
  if (limit !== undefined) {
    return new SimdgresError(limit.code, `${limit.what} (${errno}: ${call})`, limit.hint, { cause: error })
  }
  const place = path?.startsWith(cachePath()) ? 'cache' : 'named'
  const explained = toStorageError(error, `the system was asked to ${call}`, place)
  return explained instanceof SimdgresError ? explained : undefined
}
