import type { Dataset } from '../datasets/dataset.js'
import type { RowFilters } from '../datasets/row-filter.js'
import type { Progress } from '../progress.js'
import type { TargetId } from '../targets/target.js'
import type { Metric } from '../vectors/metric.js'
import type { Workspace } from './server/workspace.js'

/** The public part of this package, of this or of another version, that the paths in this process use. */
export interface VectorLibrary {
  readonly VectorSet: {
    /** @param data row-major, rows × dims. */
    from(
      data: Float32Array,
      options: { readonly dims: number; readonly metric: Metric; readonly codes?: 'levels' },
    ): VectorSearch
  }
  /** @throws where its addon cannot be loaded. */
  capabilities(): unknown
}

/** What a path needs of a VectorSet. */
export interface VectorSearch {
  search(
    queries: Float32Array,
    options: { readonly k: number; readonly threads: number; readonly signal?: AbortSignal },
  ): Promise<{ readonly ids: Uint32Array }>
  close(): void
}

/** What a path is made from. */
export interface PathContext {
  readonly dataset: Dataset
  readonly k: number
  /** Searches are measured under each of them, and not among all rows; missing: among all rows. */
  readonly filters?: RowFilters
  /** Missing where the run has no server (addon paths only). */
  readonly workspace?: Workspace
  /** Where that server runs. */
  readonly target?: TargetId
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Threads an in-process path may use. */
  readonly threads: number
  /** For paths in this process; missing: this version's own. */
  readonly library?: VectorLibrary
  /** Time of a row: what a path prepares beside data and index takes no longer. Missing: as long as it takes. */
  readonly budgetMs?: number
}
