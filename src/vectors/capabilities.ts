import { SimdgresError } from '../errors.js'
import { addon } from './addon.js'

/** Instruction sets that the kernels are built for. */
export const isas = ['scalar', 'avx2', 'avx512'] as const
/** The name of an instruction set. */
export type Isa = (typeof isas)[number]

/** What the kernels can use of this machine. */
export interface Capabilities {
  readonly version: string
  /** In use: the best this machine runs, or the one that SIMDGRES_ISA forces. */
  readonly isa: Isa
  /** All that this machine runs. */
  readonly available: readonly Isa[]
  readonly cpuFeatures: readonly string[]
}

/** @throws SimdgresError ERR_UNAVAILABLE when the native addon cannot be loaded. */
export function capabilities(): Capabilities {
  const { version, isa, available, cpuFeatures } = addon().capabilities()
  return {
    version,
    isa: isa as Isa,
    available: split(available) as Isa[],
    cpuFeatures: split(cpuFeatures),
  }
}

/** Memory that `measureReadBandwidth` takes while it runs: the buffer of native/node/bandwidth.cc. */
export const readBandwidthBytes = 512 << 20

/**
 * Sequential read bandwidth of one thread, 10^9 bytes per second: the best of several passes with the widest
 * loads over 512 MiB, off the event loop, in well under a second. It bounds every exact search in f32.
 * @throws SimdgresError (as rejection) ERR_RESOURCE for too little memory, ERR_UNAVAILABLE without the addon.
 */
export async function measureReadBandwidth(): Promise<number> {
  const native = addon()
  try {
    return await native.measureReadBandwidth()
  } catch (error) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      'There is not enough memory to measure the read bandwidth',
      'Free 512 MiB of memory and start it again.',
      { cause: error },
    )
  }
}

function split(list: string): string[] {
  return list.split(' ').filter((word) => word !== '')
}
