import type { Knobs } from '../paths/search-path.js'
import { paramsOf } from './lane/lane.js'
import type { LaneRecord } from './lane/lane-run.js'

/** Every sample of a run. Kept beside the result, so that a later analysis needs no second run. */
export interface RawSamples {
  readonly schema: 'simdgres.samples/1'
  readonly rows: readonly {
    readonly id: string
    readonly arm: string
    readonly params: Knobs
    /** Per round: microseconds per query, and the row of the (first) query of each sample. */
    readonly rounds: readonly { readonly us: readonly number[]; readonly query: readonly number[] }[]
  }[]
}

/** A tenth of a microsecond is finer than the clock and a third of the digits. */
const perMicrosecond = 10

/** Of the rows that were measured. */
export function collectSamples(records: readonly LaneRecord[]): RawSamples {
  const measured = records.filter(({ failure, turns }) => failure === undefined && turns.length > 0)
  return {
    schema: 'simdgres.samples/1',
    rows: measured.map(({ lane, turns }) => ({
      id: lane.corpus.path.id,
      arm: lane.arm,
      params: paramsOf(lane),
      rounds: turns.map(({ times, queryRows }) => ({
        us: Array.from(times, (ms) => Math.round(ms * 1000 * perMicrosecond) / perMicrosecond),
        query: Array.from(queryRows),
      })),
    })),
  }
}
