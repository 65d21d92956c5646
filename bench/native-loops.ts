import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { SimdgresError } from '#src/errors.js'
import { packageRoot } from '#src/system/cache-folder.js'
import { ops, types } from '#src/vectors/addon.js'

export type Op = (typeof ops)[number]
export type Type = (typeof types)[number]

/** What a native loop did: nanoseconds for `calls` distances, or reads, of `bytes` of memory in all. */
export interface LoopTime {
  readonly nanoseconds: number
  readonly calls: number
  readonly bytes: number
}

interface BenchAddon {
  list(): string[]
  pairs(name: string, op: number, type: number, dims: number, milliseconds: number): LoopTime
  scan(name: string, op: number, type: number, dims: number): LoopTime
  read(bytes: number): LoopTime
}

/** Loops that run in native code (bench/native), so that no call from JavaScript is measured. */
export class NativeLoops {
  readonly #addon: BenchAddon
  /** What this machine runs: `plain` (no SIMD), kernels (`scalar`, `avx2`, `avx512`), the compiler (`auto-v3`, `auto-v4`). */
  readonly implementations: readonly string[]

  constructor() {
    const path = resolve(packageRoot, 'build', 'Release', 'simdgres_bench.node')
    try {
      this.#addon = createRequire(import.meta.url)(path) as BenchAddon
    } catch (error) {
      const hint = 'Build it with: npm run build:bench'
      throw new SimdgresError('ERR_UNAVAILABLE', `The benchmark's addon could not be loaded: ${path}`, hint, {
        cause: error,
      })
    }
    this.implementations = this.#addon.list()
  }

  /** One query and rows that stay in the L1 cache, one call for each pair, for about `milliseconds`. */
  timePairs(implementation: string, op: Op, type: Type, dims: number, milliseconds: number): LoopTime {
    return this.#addon.pairs(implementation, ops.indexOf(op), types.indexOf(type), dims, milliseconds)
  }

  /** One query and 256 MiB of rows, once: what a search does, without selection. */
  timeScan(implementation: string, op: Op, type: Type, dims: number): LoopTime {
    return this.#addon.scan(implementation, ops.indexOf(op), types.indexOf(type), dims)
  }

  /** Reads that many bytes of memory once and does nothing else: no search that looks at them can be faster. */
  timeRead(bytes: number): LoopTime {
    return this.#addon.read(bytes)
  }
}
