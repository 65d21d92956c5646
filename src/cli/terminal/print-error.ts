import { errorCodes, SimdgresError } from '../../errors.js'
import { explainError } from './explain-error.js'

/** Tells the user what is wrong and what to do. Returns the exit code. Only our own defects show a stack unasked. */
export function printError(error: unknown, debug: boolean): number {
  const known = error instanceof SimdgresError ? error : explainError(error)
  if (known === undefined) {
    process.stderr.write(`error: ${error instanceof Error ? error.stack : String(error)}\n`)
    process.stderr.write('  next: This is a defect of simdgres; please report it with the lines above.\n')
    return errorCodes.ERR_CHECK_FAILED
  }
  process.stderr.write(`error: ${known.message}\n  next: ${known.hint}\n`)
  if (debug) process.stderr.write(`${known.stack}\n${describeCause(known.cause)}`)
  return errorCodes[known.code]
}

function describeCause(cause: unknown): string {
  if (cause === undefined) return ''
  return `caused by ${cause instanceof Error ? cause.stack : String(cause)}\n`
}
