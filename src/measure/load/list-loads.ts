import { Random } from '../../stats/random.js'
import { closed } from './closed.js'
import type { Load } from './load.js'
import { open } from './open.js'

/** The loads under which every row is measured. */
export interface Loads {
  /** Numbers of clients that each wait for their answer; one client if missing. */
  readonly clients?: readonly number[]
  /** Queries per second that arrive whether or not there are answers. */
  readonly rates?: readonly number[]
}

/** Apart from the streams of an experiment, which has the same seed. */
const arrivalStream = 16

/** A pool as applications have it: more connections than processors, so that a short query need not wait for a long one. */
const leastConnections = 8

export function connectionsOfRates({ clients = [] }: Loads): number {
  return Math.max(leastConnections, ...clients)
}

export function listLoads(loads: Loads, seed: number): Load[] {
  const { clients = [1], rates = [] } = loads
  const connections = connectionsOfRates(loads)
  return [
    ...clients.map(closed),
    ...rates.map((rate, i) => open(rate, connections, new Random(seed, arrivalStream + i))),
  ]
}
