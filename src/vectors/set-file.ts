import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, errorCodes, invalidArgument, SimdgresError } from '../errors.js'

/** How much of a file is looked at before it is used. */
export interface VectorSetOpenOptions {
  /**
   * Read all of the file and compare every checksum; false looks at the header, the sizes, and what the bounds of codes come
   * from. Default: false.
   */
  readonly verify?: boolean
}

/** The absolute path of a file, so that messages say where it is. */
export function requirePath(name: string, value: unknown): string {
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value)
  throw invalidArgument(name, 'a path or a file: URL', value)
}

export function requireVerify(options: VectorSetOpenOptions | undefined): 0 | 1 {
  const verify: unknown = options?.verify ?? false
  if (typeof verify !== 'boolean') throw invalidArgument('verify', 'true or false', verify)
  return verify ? 1 : 0
}

/** The error of ours for what native/node/file_error.h says of a file; undefined for other failures. */
export function explainFile(error: unknown): SimdgresError | undefined {
  if (!(error instanceof Error && 'code' in error && 'hint' in error)) return undefined
  const { code, hint } = error
  if (!isErrorCode(code) || typeof hint !== 'string') return undefined
  return new SimdgresError(code, error.message, hint, { cause: error })
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
}
