import type { GroundTruth } from '../datasets/dataset.js'
import type { Variant } from '../paths/search-path.js'

/** The truth of all rows, and of those that pass each filter of the run. */
export interface Truths {
  readonly truth: GroundTruth
  /** By the name that the filter has in a variant. */
  readonly filtered?: ReadonlyMap<string, GroundTruth>
}

/** What the answers of a row in this variant are held against. */
export function truthOf({ truth, filtered }: Truths, { filter }: Variant): GroundTruth {
  if (filter === undefined) return truth
  const found = filtered?.get(String(filter))
  if (found === undefined) throw new Error(`No truth was found for the filter ${filter}`)
  return found
}
