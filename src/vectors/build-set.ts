import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NativeAddon, SetHandle } from './addon.js'
import { lengthOf } from './typed-array.js'

/** How far `VectorSet.build` has come. */
export interface BuildProgress {
  /** `copy` takes the values over on the calling thread, a little in each turn of the event loop; `make` runs beside it. */
  readonly step: 'copy' | 'make'
  /** From 0 to 1, of this step. */
  readonly done: number
}

/** Told of each step's progress. What it throws ends the work, and is what the caller gets. */
export type BuildListener = (progress: BuildProgress) => void

/** Often enough for a bar that moves, and seldom enough to cost nothing. */
const progressEveryMs = 20

/**
 * Copies the values, 2 MiB in each turn of the event loop, and makes a set of them on another thread.
 * `done` is undefined where it was cancelled.
 */
export function startBuild(
  native: NativeAddon,
  data: Float32Array,
  shape: { readonly dims: number; readonly metric: number; readonly codes: 0 | 1 },
  onProgress: BuildListener | undefined,
): { readonly done: Promise<SetHandle | undefined>; readonly cancel: () => void } {
  const length = lengthOf(data)
  const build = native.beginSet(data, shape.dims, shape.metric, shape.codes)
  let isCancelled = false
  let cancelNative = () => native.dropBuild(build)
  const cancel = () => {
    isCancelled = true
    cancelNative()
  }

  async function copy(): Promise<void> {
    let toldAt = Number.NEGATIVE_INFINITY
    for (let filled = 0; filled < length; ) {
      filled = native.fillSet(build, data)
      await nextTurn()
      if (isCancelled) return
      if (filled < length && performance.now() - toldAt < progressEveryMs) continue
      toldAt = performance.now()
      onProgress?.({ step: 'copy', done: filled / length })
      if (isCancelled) return
    }
  }

  async function make(): Promise<SetHandle | undefined> {
    const { done, token } = native.startBuild(build)
    cancelNative = () => native.cancelSearch(token)
    let failure: { readonly error: unknown } | undefined
    const timer = setInterval(() => {
      try {
        if (!isCancelled) onProgress?.({ step: 'make', done: native.progress(token) })
      } catch (error) {
        failure = { error }
        cancel()
      }
    }, progressEveryMs)
    let set: SetHandle | undefined
    let isTaken = false
    try {
      set = await done
      if (failure !== undefined) throw failure.error
      if (set !== undefined && !isCancelled) onProgress?.({ step: 'make', done: 1 })
      isTaken = !isCancelled
      return isTaken ? set : undefined
    } finally {
      clearInterval(timer)
      // The caller has gone or failed: nobody else would free it soon.
      if (set !== undefined && !isTaken) native.closeSet(set)
    }
  }

  async function run(): Promise<SetHandle | undefined> {
    try {
      await copy()
      return isCancelled ? undefined : await make()
    } finally {
      native.dropBuild(build)
    }
  }

  return { done: run(), cancel }
}
