/** What `simdgres advise` looks at; the code of a finding does not change between versions. */
export type AdviceCode =
  | 'query-shape'
  | 'recall-below-target'
  | 'ivfflat-lists-unused'
  | 'vectors-out-of-line'
  | 'shared-buffers-below-index'
  | 'maintenance-memory-below-build'
  | 'statistics-stale'
  | 'index-invalid'
  | 'dims-over-index-limit'

/** Critical: searches miss rows, or read all of them. */
export type AdviceSeverity = 'critical' | 'warning'

/** What mends a finding. */
export interface Cure {
  /** `query`: send this in place of the query; `sql`: statements, each of them alone, in one session; `server`: where the server is started. */
  readonly kind: 'sql' | 'query' | 'server'
  readonly statements: readonly string[]
  /** The server has to be restarted after them. */
  readonly restart: boolean
  /** What to know before: locks, rewrites, a meaning that changes. */
  readonly caution?: string
}

export interface AdviceFinding {
  readonly code: AdviceCode
  readonly severity: AdviceSeverity
  /** With the figures that it is judged by. */
  readonly what: string
  /** The table and column, the index, the parameter or the query. */
  readonly where: string
  readonly cure: Cure
  readonly expected: string
}

/** An index as it is searched today, and at the recall that was asked for. */
export interface AdvisedIndex {
  readonly table: string
  readonly index: string
  readonly rows: number
  readonly k: number
  /** Queries: rows of the table. */
  readonly sample: number
  /** Median milliseconds of an exact scan. */
  readonly exactMs: number
  readonly today: AdvisedStep
  /** The smallest step that surely reaches the recall; missing where none does. */
  readonly target?: AdvisedStep
  readonly crossover: Crossover
}

/** From how many rows on the index is faster than an exact scan, by scans of parts of the table. */
export interface Crossover {
  /** `above`: all rows are scanned as fast; `below`: so few are not; `between`: interpolated between two sizes that were measured. */
  readonly kind: 'below' | 'between' | 'above'
  readonly rows: number
  /** Milliseconds of the index that the scans are held against: at the target, or today where none reaches it. */
  readonly indexMs: number
  /** Medians of exact scans, the smallest part first. */
  readonly scans: readonly { readonly rows: number; readonly ms: number }[]
}

export interface AdvisedStep {
  readonly parameter: string
  readonly value: number
  readonly recall: number
  readonly ci95: readonly [number, number]
  /** Median milliseconds of a search, one client, the round trip included. */
  readonly ms: number
}

/** What `simdgres advise --json` writes. */
export interface AdviceResult {
  readonly schema: 'simdgres.advise/1'
  readonly startedAt: string
  readonly durationMs: number
  readonly server: { readonly postgres: string; readonly pgvector: string; readonly role: string }
  /** Target of the recall. */
  readonly recall: number
  readonly tables: readonly string[]
  readonly findings: readonly AdviceFinding[]
  readonly indexes: readonly AdvisedIndex[]
  /** Worth knowing, and nothing to mend. */
  readonly notes: readonly string[]
  /** What this role, this server or this call does not let be seen, each with the next step. */
  readonly unseen: readonly string[]
}
