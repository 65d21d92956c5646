import type { Hits, PreparedVariant, SearchPath } from '../paths/search-path.js'
import type { QueryCursor } from './query-cursor.js'

/** One row of the report while it is measured: a path in one variant. */
export interface Lane {
  readonly path: SearchPath
  readonly prepared: PreparedVariant
  readonly cursor: QueryCursor
  readonly samples: LaneSamples
}

/** What was observed of a lane. */
export interface LaneSamples {
  /** Per round, milliseconds per query; a batch is one sample, its time divided by its size. */
  readonly rounds: Float64Array[]
  /** Per round, the first query of each sample. */
  readonly queryRows: Uint32Array[]
  /** Queries timed. */
  count: number
  /** Milliseconds spent inside `search`. */
  spentMs: number
  /** Hits of each distinct query, by its row, the first time it was run. */
  readonly hits: Map<number, Hits>
}

export function createSamples(): LaneSamples {
  return { rounds: [], queryRows: [], count: 0, spentMs: 0, hits: new Map() }
}

/** For messages: the path and its settings. */
export function nameLane({ path, prepared }: Lane): string {
  const settings = Object.entries(prepared.variant).map(([name, value]) => `${name}=${value}`)
  return [path.id, ...settings].join(' ')
}
