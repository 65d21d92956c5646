import type { Lane } from '../lane/lane.js'

/** How far a lane has come. */
export interface Tally {
  readonly count: number
  readonly ms: number
}

/** What a turn may take. */
export interface Quota {
  /** Queries after which it is over. */
  readonly queries: number
  /** Milliseconds of all turns of the lane so far after which it is cut short; missing: however long it takes. */
  readonly limitMs?: number
}

/** One lane's go at the queries. */
export interface Turn {
  /** Index of the lane. */
  readonly lane: number
  /** Turns of one round saw the machine in the same state; a figure per round is one observation. */
  readonly round: number
  /** Where in the order of queries it starts, if it has so many of them; missing: where the lane stopped. */
  start?(queries: number): number
  /** Index of the lane whose pace decides the quota; its own if missing. */
  readonly pacedBy?: number
  /**
   * The same for all turns of a lane, whatever the machine does meanwhile: a turn that ended by the clock would hold fewer
   * queries where the machine is slow, and slow periods would count for less than they are.
   * @param msPerQuery what a query took at the end of the warm-up of the lane that paces it.
   */
  quota(msPerQuery: number): Quota
}

/** Who is measured when, and for how long. The same lanes give the same turns each time: a killed run goes on in them. */
export interface Schedule {
  readonly rounds: number
  turns(lanes: readonly Lane[]): Iterable<Turn>
}
