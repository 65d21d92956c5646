import type { Lane } from '../lane.js'

/** How far a lane has come. */
export interface Tally {
  readonly count: number
  readonly ms: number
}

/** One lane's go at the queries. */
export interface Turn {
  /** Index of the lane. */
  readonly lane: number
  /** Turns of one round saw the machine in the same state; a figure per round is one observation. */
  readonly round: number
  /** Where in the order of queries it starts; missing: where the lane stopped. */
  readonly start?: number
  /** Asked before every call, with what was done in this turn and in all turns of the lane so far, this one included. */
  isOver(turn: Tally, lane: Tally): boolean
}

/** Who is measured when, and for how long. The same lanes give the same turns each time: a killed run goes on in them. */
export interface Schedule {
  readonly rounds: number
  turns(lanes: readonly Lane[]): Iterable<Turn>
}
