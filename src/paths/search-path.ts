import type { Dataset } from '../datasets/dataset.js'
import type { Progress } from '../progress.js'
import type { TargetId } from '../targets/target.js'
import type { Workspace } from './server/workspace.js'

/** Every way to search; a new one is one file and one row here. */
export const pathIds = [
  'null',
  'sql',
  'pgvector-exact',
  'pgvector-hnsw',
  'pgvector-ivfflat',
  'extension-exact',
  'extension-index',
  'addon-exact',
  'addon-quantized',
  'addon-batch',
  'cache',
] as const
export type PathId = (typeof pathIds)[number]

export type Availability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string }

/** One setting of a path's knobs: `{ ef_search: 40, storage: 'plain' }`. One row of the report. */
export type Variant = Readonly<Record<string, number | string | boolean>>

/** Nearest first. Fewer than k ids where a path found fewer. The harness computes distances itself. */
export type Hits = Uint32Array

export interface LoadStats {
  readonly ms: number
  readonly rowsPerSecond: number
}

export interface IndexStats {
  readonly buildMs: number
  readonly bytes: number
}

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
}

export interface PreparedVariant {
  readonly variant: Variant
  readonly load?: LoadStats
  readonly index?: IndexStats
}

export interface SearchPath {
  readonly id: PathId
  /** True if it promises recall 1. `null` promises nothing: it is `exact: false` and has no recall. */
  readonly exact: boolean
  isAvailable(): Promise<Availability>
  /** Loads data, builds indexes, warms caches; says what is there to be measured. */
  prepare(): Promise<readonly PreparedVariant[]>
  /** Queries answered by one call of `search`: 1, or the batch size of a batching path. */
  readonly batchSize: number
  /**
   * `queries` holds `n * dims` values, 1 <= n <= batchSize, and the result has n entries. Switching the variant is
   * done outside the timed call, in `use`.
   */
  use(variant: Variant): Promise<void>
  search(queries: Float32Array): Promise<readonly Hits[]>
  /** EXPLAIN of one query in the current variant, for the report and the tests; empty for in-process paths. */
  explain(query: Float32Array): Promise<string>
  dispose(): Promise<void>
}
