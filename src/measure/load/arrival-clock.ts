import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/**
 * Tells when each arrival is due, from a thread of its own. Timers of the event loop are late by up to a millisecond, more than
 * many a search takes, and spinning would take a processor from the server.
 */
export class ArrivalClock {
  readonly #worker: Worker
  readonly #offsetsMs: Float64Array
  #next = 0

  private constructor(worker: Worker, offsetsMs: Float64Array) {
    this.#worker = worker
    this.#offsetsMs = offsetsMs
  }

  /** @param offsetsMs milliseconds from the call of `go`, in order. */
  static async start(offsetsMs: Float64Array): Promise<ArrivalClock> {
    // Passed as text: a second file would be missing in a bundle, and in tests that run the sources.
    const worker = new Worker(`(${tick.toString()})()`, { eval: true, workerData: offsetsMs })
    await once(worker, 'online')
    return new ArrivalClock(worker, offsetsMs)
  }

  /** Arrivals that are still to come. */
  get left(): number {
    return this.#offsetsMs.length - this.#next
  }

  /**
   * @returns the start, and gives each arrival the moment at which it was due: both as of `performance.now()`.
   * @param onError the thread has failed; no further arrival comes.
   */
  go(onArrival: (dueMs: number) => void, onError: (error: unknown) => void): number {
    this.#worker.on('error', onError)
    const startMs = performance.now()
    this.#worker.on('message', () => {
      const dueMs = startMs + this.#offsetsMs[this.#next++]!
      onArrival(dueMs)
    })
    // Clocks of threads begin with the thread; this one is the same in all of them.
    this.#worker.postMessage(Number(process.hrtime.bigint()) / 1e6)
    return startMs
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Runs in the worker from its text alone, so it cannot use anything else in this file. */
function tick(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const now = () => Number(process.hrtime.bigint()) / 1e6
  parentPort!.once('message', (startMs: number) => {
    for (const offsetMs of workerData as Float64Array) {
      for (;;) {
        const leftMs = startMs + offsetMs - now()
        if (leftMs <= 0) break
        Atomics.wait(never, 0, 0, leftMs)
      }
      parentPort!.postMessage(undefined)
    }
  })
}
