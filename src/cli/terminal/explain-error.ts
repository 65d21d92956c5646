import { SimdgresError } from '../../errors.js'
import { explainSystemLimit } from '../../system/system-limit.js'

/** syntax_error: the statement is ours, and no server can run it. */
const ourMistake = new Set(['42601'])

/**
 * What to tell the user about an error that no part of simdgres has explained: a SimdgresError for a limit or a refusal
 * of the machine, of a PostgreSQL server or of the Docker engine; undefined where it is a defect of ours.
 */
export function explainError(error: unknown): SimdgresError | undefined {
  return explainSystemLimit(error) ?? explainServer(error) ?? explainEngine(error)
}

/** Errors of node-postgres, which is not loaded here: a severity and a SQLSTATE. */
function explainServer(error: unknown): SimdgresError | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined
  const state = String(error.code)
  if (!/^[0-9A-Z]{5}$/.test(state) || ourMistake.has(state)) return undefined
  const { detail, hint } = error as { readonly detail?: string; readonly hint?: string }
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The PostgreSQL server refused a statement: ${error.message} (SQLSTATE ${state})${detail ? `\n${detail}` : ''}`,
    `${hint ? `${hint.replace(/\.?$/, '.')} ` : ''}See which limit or missing feature of the server it names; --debug shows more.`,
    { cause: error },
  )
}

/** Errors of dockerode, which is not loaded here: the status of an HTTP answer. A bad request (400) is our mistake. */
function explainEngine(error: unknown): SimdgresError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || error.statusCode === 400) return undefined
  return new SimdgresError(
    'ERR_RESOURCE',
    `The Docker engine refused: ${error.message}`,
    'Its log and `docker info` tell more.',
    { cause: error },
  )
}
