import { throwIfAborted } from '../../errors.js'
import type { Searcher } from '../../paths/search-path.js'
import type { Random } from '../../stats/random.js'
import { ArrivalClock } from './arrival-clock.js'
import type { Load, Samples } from './load.js'
import { Observations } from './observations.js'
import type { QueryTurn } from './query-cursor.js'

/**
 * Queries that arrive at `rate` per second, at random (a Poisson process), whether or not earlier ones have their answer: users
 * do not wait for each other. `clients` searchers take them in the order of their arrival. A latency counts from the moment
 * at which the query was to arrive. A closed loop asks nothing while it waits, so it sees a stall once; here it is in the
 * latency of every query that came meanwhile.
 */
export function open(rate: number, clients: number, random: Random): Load {
  return {
    shape: { kind: 'open', rate, clients },
    async run(openSearcher, queries, signal) {
      const { calls } = queries
      if (calls === undefined) throw new RangeError('An open loop needs a turn with a number of calls')
      const searchers: Searcher[] = []
      for (let i = 0; i < clients; i++) searchers.push(await openSearcher())
      const clock = await ArrivalClock.start(drawArrivals(calls, rate, random))
      try {
        return await new OpenTurn(clock, searchers, queries, signal).run()
      } finally {
        await clock.stop()
      }
    },
  }
}

/** Milliseconds from the start of the turn, in order; the first is at once. Gaps are exponential: arrivals know nothing of each other. */
export function drawArrivals(count: number, rate: number, random: Random): Float64Array {
  const arrivals = new Float64Array(count)
  for (let i = 1; i < count; i++) {
    const uniform = (random.next() + 0.5) / 2 ** 32
    arrivals[i] = arrivals[i - 1]! - (Math.log(uniform) * 1000) / rate
  }
  return arrivals
}

class OpenTurn {
  readonly #clock: ArrivalClock
  readonly #idle: Searcher[]
  readonly #clients: number
  readonly #queries: QueryTurn
  readonly #signal: AbortSignal
  readonly #seen = new Observations()
  readonly #lagsMs: number[] = []
  /** Moments at which those were to arrive that no client has begun with. */
  readonly #waiting: number[] = []
  #waitingAtLast = 0
  #failure: unknown
  /** No further query is begun with: the turn's time is up, it was aborted, or a search failed. */
  #isOver = false
  #end: () => void = () => undefined

  constructor(clock: ArrivalClock, searchers: readonly Searcher[], queries: QueryTurn, signal: AbortSignal) {
    this.#clock = clock
    this.#idle = [...searchers]
    this.#clients = searchers.length
    this.#queries = queries
    this.#signal = signal
  }

  async run(): Promise<Samples> {
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve
    })
    // While the clock's thread started, nobody listened.
    throwIfAborted(this.#signal)
    const stop = () => this.#stop()
    this.#signal.addEventListener('abort', stop, { once: true })
    try {
      const startMs = this.#clock.go(
        (dueMs) => this.#arrive(dueMs),
        (error) => this.#stop(error),
      )
      await ended
      throwIfAborted(this.#signal)
      if (this.#failure !== undefined) throw this.#failure
      const samples = this.#seen.toSamples(performance.now() - startMs)
      return {
        ...samples,
        arrivals: { lagsMs: Float64Array.from(this.#lagsMs), waiting: this.#waitingAtLast },
      }
    } finally {
      this.#signal.removeEventListener('abort', stop)
    }
  }

  #arrive(dueMs: number): void {
    if (this.#isOver) return
    this.#lagsMs.push(Math.max(0, performance.now() - dueMs))
    this.#waiting.push(dueMs)
    const searcher = this.#idle.pop()
    if (searcher !== undefined) void this.#serve(searcher)
    if (this.#clock.left === 0) this.#waitingAtLast = this.#waiting.length
  }

  /** One client: searches as long as queries wait. */
  async #serve(searcher: Searcher): Promise<void> {
    try {
      while (!this.#isOver && this.#waiting.length > 0) {
        const batch = this.#queries.next()
        if (batch === undefined) {
          this.#waitingAtLast = this.#waiting.length + this.#clock.left
          this.#isOver = true
          break
        }
        const dueMs = this.#waiting.shift()!
        const hits = await searcher.search(batch.vectors)
        this.#seen.add(performance.now() - dueMs, batch, hits)
      }
    } catch (error) {
      this.#stop(error)
    }
    this.#idle.push(searcher)
    this.#endIfDone()
  }

  #stop(failure?: unknown): void {
    this.#failure ??= failure
    this.#isOver = true
    this.#endIfDone()
  }

  #endIfDone(): void {
    const isServed = this.#clock.left === 0 && this.#waiting.length === 0
    if ((this.#isOver || isServed) && this.#idle.length === this.#clients) this.#end()
  }
}
