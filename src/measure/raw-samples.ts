import type { Variant } from '../paths/search-path.js'
import type { Lane } from './lane.js'

/** Every sample of a run. Kept beside the result, so that a later analysis needs no second run. */
export interface RawSamples {
  readonly schema: 'simdgres.samples/1'
  readonly rows: readonly {
    readonly id: string
    readonly params: Variant
    /** Per round: microseconds per query, and the row of the (first) query of each sample. */
    readonly rounds: readonly { readonly us: readonly number[]; readonly query: readonly number[] }[]
  }[]
}

/** A tenth of a microsecond is finer than the clock and a third of the digits. */
const perMicrosecond = 10

export function collectSamples(lanes: readonly Lane[]): RawSamples {
  return {
    schema: 'simdgres.samples/1',
    rows: lanes.map(({ path, prepared, samples }) => ({
      id: path.id,
      params: prepared.variant,
      rounds: samples.rounds.map((times, round) => ({
        us: Array.from(times, (ms) => Math.round(ms * 1000 * perMicrosecond) / perMicrosecond),
        query: Array.from(samples.queryRows[round]!),
      })),
    })),
  }
}
