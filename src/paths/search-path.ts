import type { SearchCost } from '../result/row-studies.js'
import type { ConnectionInfo } from '../targets/target.js'

/** Name of a way to search. It is open: the ones that this version knows are the rows of registry.ts. */
export type PathId = string

/** Names and values of what can be chosen; one set of them tells rows of one path apart. */
export type Knobs = Readonly<Record<string, number | string | boolean>>

/** What is built: `{ storage: 'plain' }`, `{ m: 16, ef_construction: 64 }`. What it leaves out is the path's default. */
export type Design = Knobs

/** How a search in it is run: `{ ef_search: 40 }`, `{ workers: 2 }`. */
export type Variant = Knobs

export type Availability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string }

/** Least and most of a knob of a design. */
export type KnobRange = readonly [least: number, most: number]

/** What is known of a path before any of its code is loaded. */
export interface PathFacts {
  readonly id: PathId
  /** True if it promises recall 1. */
  readonly exact: boolean
  /** Runs inside a PostgreSQL server. */
  readonly needsServer: boolean
  /** Queries answered by one call of `search`: 1, or the batch size of a batching path. */
  readonly batchSize: number
  /** False for a path that looks at no vector: it is measured, and has no recall. */
  readonly searches: boolean
  /** Whether each call reads every vector once, so that its time is a scan rate. */
  readonly scans: boolean
  /** What its distances are summed in: beyond the range of float4, a path that uses it ranks by infinities and zeros. */
  readonly arithmetic: 'float4' | 'float64'
  /** Why it cannot search among the rows of a filter alone, with the next step; missing: it can. */
  readonly noFilter?: string
  /** What of its designs can be asked for by number; missing: nothing. */
  readonly designKnobs?: Readonly<Record<string, KnobRange>>
}

/** One way to search. */
export interface SearchPath extends PathFacts {
  isAvailable(): Promise<Availability>
  /** What a run builds that asks for nothing else, the best first. */
  designs(): readonly Design[]
  /**
   * Loads the data and builds the index, once for all clients. No two builds of an approximate index are the same:
   * `build`, from 1, tells those of one design apart where a run makes several.
   */
  prepare(design: Design, build?: number): Promise<Corpus>
}

/** Data and index of one path in one design, ready to be searched. */
export interface Corpus {
  readonly path: PathFacts
  readonly design: Design
  /** Which of several builds of the design it is; missing where there is one. */
  readonly build?: number
  readonly load?: LoadStats
  readonly index?: IndexStats
  /** The ones worth showing; `open` takes any other as well. */
  variants(): readonly Variant[]
  /** Rows of the queries that it can answer as its name says; missing: all of them. */
  readonly queryRows?: ReadonlySet<number> | undefined
  /**
   * The steps of the knob that trades speed for recall, the fastest first; a bench shows those near round recalls. One
   * list of them, or one for each filter and way to scan under it.
   */
  readonly ladders?: readonly (readonly Variant[])[]
  /**
   * A searcher of its own, with a connection of its own where there is a server: N clients open N.
   * `server` is where the server is now, if a restart has moved it. With `session` its session has these server
   * parameters in place of those that the path forces, and the planner decides: what any client with them would get.
   */
  open(
    variant: Variant,
    server?: ConnectionInfo,
    session?: Readonly<Record<string, string>>,
  ): Promise<Searcher>
  /** The same in a session that has searched nothing yet, not for its plan either: missing where nothing is cold. */
  openFirst?(variant: Variant): Promise<Searcher>
  /** What it searches, where rows can be added to it; those of one name are one table. */
  readonly table?: { readonly name: string; openInserter(): Promise<RowInserter> }
  dispose(): Promise<void>
}

/** A connection of its own that adds rows to a table. */
export interface RowInserter {
  /** In a transaction of its own; resolves when it is committed. */
  insert(id: number, vector: Float32Array): Promise<void>
  close(): Promise<void>
}

/** One client of a corpus. It does one thing at a time. */
export interface Searcher {
  /** Server parameters that it forces in its session, and storage parameters of its table that were set for it. */
  readonly settings: Readonly<Record<string, string>>
  /** `queries` holds `n * dims` values, 1 <= n <= batchSize, and the result has n entries. */
  search(queries: Float32Array): Promise<readonly Hits[]>
  /** Runs one query once more and says how; undefined where nothing plans. */
  explain(query: Float32Array): Promise<Plan | undefined>
  /**
   * Searches for the queries, and says where their time goes; it stops early when `limitMs` is over, but not before three.
   * Missing where all of it is spent in this process.
   */
  measureCost?(queries: readonly Float32Array[], limitMs: number): Promise<SearchCost>
  close(): Promise<void>
}

/** Nearest first. Fewer than k ids where a path found fewer. The harness computes distances itself. */
export type Hits = Uint32Array

export interface LoadStats {
  readonly ms: number
  readonly rowsPerSecond: number
  /** Of a table: bytes of vectors that do not lie in their rows. */
  readonly outOfLineBytes?: number
}

export interface IndexStats {
  readonly ms: number
  readonly bytes: number
}

/** What the server did for one query, by EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) of the statement that is measured. */
export interface Plan {
  /** From the top: `Limit`, `Index Scan using vectors_hnsw_index on vectors_hnsw`. */
  readonly nodes: readonly string[]
  readonly workersPlanned: number
  /** Fewer than planned where other sessions had the server's workers at that moment. */
  readonly workersLaunched: number
  /** Pages of 8 KiB, found in shared buffers and read from outside of them. */
  readonly buffers: { readonly hit: number; readonly read: number }
  /** Expressions were compiled for this execution. */
  readonly compilesJit: boolean
  /** A part of it is run once, before the rest: a subquery that the search does not depend on. */
  readonly hasSubquery: boolean
  /** How the query vector comes to the server: its SQL type, and how it is written on the wire. */
  readonly queryVector?: { readonly type: string; readonly encoding: 'binary' | 'text' }
  readonly text: string
}
