import type { Dataset } from '../datasets/dataset.js'
import type { Progress } from '../progress.js'
import type { TargetId } from '../targets/target.js'
import type { Workspace } from './server/workspace.js'

/** What a path is made from. */
export interface PathContext {
  readonly dataset: Dataset
  readonly k: number
  /** Missing where the run has no server (addon paths only). */
  readonly workspace?: Workspace
  /** Where that server runs. */
  readonly target?: TargetId
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Threads an in-process path may use. */
  readonly threads: number
  /** Time of a row: what a path prepares beside data and index takes no longer. Missing: as long as it takes. */
  readonly budgetMs?: number
}
