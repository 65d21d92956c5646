import { errorCodes, SimdgresError } from '../../errors.js'

/** Tells the user what is wrong and what to do; resolves to the exit code. Defects of ours keep their stack. */
export function printError(error: unknown, debug: boolean): number {
  if (!(error instanceof SimdgresError)) {
    process.stderr.write(`error: ${error instanceof Error ? error.stack : String(error)}\n`)
    process.stderr.write('  next: This is a defect of simdgres; please report it with the lines above.\n')
    return errorCodes.ERR_CHECK_FAILED
  }
  process.stderr.write(`error: ${error.message}\n  next: ${error.hint}\n`)
  if (debug) process.stderr.write(`${error.stack}\n${describeCause(error.cause)}`)
  return errorCodes[error.code]
}

function describeCause(cause: unknown): string {
  if (cause === undefined) return ''
  return `caused by ${cause instanceof Error ? cause.stack : String(cause)}\n`
}
