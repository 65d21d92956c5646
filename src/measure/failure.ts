import { SimdgresError } from '../errors.js'
import type { Workspace } from '../paths/server/workspace.js'
import type { Progress } from '../progress.js'

export interface FailureContext {
  /** Of the server that the lane or path lives in, if it lives in one. */
  readonly workspace: Workspace | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * Why a path or a lane cannot go on, for its row: one path's limit never ends the run.
 * @throws the error itself where nothing else can go on either: the run was stopped, or its server is gone.
 */
export async function explainFailure(error: unknown, context: FailureContext): Promise<string> {
  if (context.signal.aborted) throw error
  if (!(error instanceof SimdgresError)) {
    context.progress.note(error instanceof Error ? (error.stack ?? error.message) : String(error))
    const message = error instanceof Error ? error.message : String(error)
    return `${message}. Please report it with the lines that the run has printed.`
  }
  const { workspace } = context
  if (error.code === 'ERR_LOST_CONNECTION' && !(await workspace?.isReachable())) throw error
  return `${error.message}. ${error.hint}`
}
