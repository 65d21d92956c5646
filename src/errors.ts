/**
 * Every failure a user can meet: what is wrong and where (`message`), what to do about it (`hint`), and a
 * `code` that does not change between versions. Anything else that is thrown is a defect of ours.
 */
export class SimdgresError extends Error {
  override readonly name = 'SimdgresError'
  readonly code: ErrorCode
  /** The next step, one sentence, without the word "Hint". */
  readonly hint: string

  constructor(code: ErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}

/** Codes and the exit code of the command line that goes with each. */
export const errorCodes = {
  /** A wrong argument, option, name or setting. */
  ERR_INVALID_ARGUMENT: 2,
  /** Something that has to be there is not: an engine, a server, an addon, a tool. */
  ERR_UNAVAILABLE: 3,
  /** Data that is damaged, truncated or not what its pin says. */
  ERR_CORRUPT_DATA: 4,
  /** No space, no memory, no permission, a port in use. */
  ERR_RESOURCE: 5,
  /** A server, an engine or a container went away during the run. */
  ERR_LOST_CONNECTION: 6,
  /** A part of what was asked for could not be done; the rest was. */
  ERR_INCOMPLETE: 7,
  /** A promise was broken: an exact path with recall below 1, a failed verification. */
  ERR_CHECK_FAILED: 1,
  /** Stopped by the user (Ctrl-C) or by an AbortSignal. */
  ERR_ABORTED: 130,
} as const

/** What a program can tell errors apart by: the keys of `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes

/** What each code means to somebody who reads an exit code. A command may be more exact about its own. */
export const errorMeanings: Readonly<Record<ErrorCode, string>> = {
  ERR_INVALID_ARGUMENT: 'wrong argument, option or setting',
  ERR_UNAVAILABLE: 'an engine, a server, the addon or a tool is missing',
  ERR_CORRUPT_DATA: 'data is damaged or not what its pin says',
  ERR_RESOURCE: 'no space, no memory, no permission, or a port in use',
  ERR_LOST_CONNECTION: 'a server or an engine went away during the run',
  ERR_INCOMPLETE: 'a part of what was asked for could not be done; the rest was',
  ERR_CHECK_FAILED: 'a check failed, or a defect of simdgres',
  ERR_ABORTED: 'stopped by Ctrl-C',
}

/** One shape for all argument errors: `Expected <expected> for <name> but received <actual> of type <type>`. */
export function invalidArgument(
  name: string,
  expected: string,
  actual: unknown,
  hint?: string,
): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `Expected ${expected} for ${name} but received ${describe(actual)}`,
    hint ?? `Pass ${expected} for ${name}.`,
  )
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value)
  if (typeof value === 'object')
    return `an instance of ${typedArrayName(value) ?? value.constructor?.name ?? 'Object'}`
  if (typeof value === 'function') return `function ${value.name}`
  return `${String(value)} of type ${typeof value}`
}

/** A typed array is what it is, whatever its prototype says: a Uint8Array can call itself a Float32Array. */
function typedArrayName(value: object): string | undefined {
  return Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, value)
}

/** Rejects with ERR_ABORTED if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedBy(signal)
}

export function abortedBy(signal: AbortSignal | undefined): SimdgresError {
  return new SimdgresError('ERR_ABORTED', 'The operation was aborted', 'Start it again.', {
    cause: signal?.reason,
  })
}
