import type { Interval } from '../stats/interval.js'
import { mean } from '../stats/samples.js'
import { meanEstimate, studentInterval } from '../stats/student-t.js'

/**
 * What one challenger has shown: for each block, the logarithm of how many times as fast as the incumbent it was. Both
 * searched the same queries in the same block.
 */
export interface Heat {
  readonly effects: readonly number[]
  /** Why it cannot be had at all. */
  readonly failure?: string
}

export interface RaceOptions {
  /** Of the first heat; each later one doubles what its challengers have. */
  readonly firstBlocks: number
  /** With so many, what is left is decided by its interval. */
  readonly mostBlocks: number
  /** Whether the time is up: no further heat is run then, and what is left is decided by what is known. */
  isOver?(): boolean
}

export const usualRace: RaceOptions = { firstBlocks: 6, mostBlocks: 16 }

/** What became of a challenger. */
export interface Place<T> {
  readonly challenger: T
  readonly effects: readonly number[]
  /** Of the mean effect, 95 %; missing for one that failed. */
  readonly interval?: Interval
  readonly fate: 'won' | 'not shown to be faster' | 'slower' | 'left behind' | 'failed'
  readonly reason?: string
}

export interface RaceOutcome<T> {
  /** Missing: the incumbent stays. */
  readonly winner?: T
  readonly places: readonly Place<T>[]
}

/**
 * Successive halving against an incumbent. After each heat those that are surely slower leave, and of the others the slower
 * half; who is left runs as many blocks again. Whoever is left at the end wins by the lower bound of the speed-up, if that
 * is above 1: nothing takes the incumbent's place on a mere estimate.
 * @param measure so many more blocks of each, all in turns with the incumbent.
 */
export async function race<T>(
  challengers: readonly T[],
  measure: (running: readonly T[], blocks: number) => Promise<readonly Heat[]>,
  { firstBlocks, mostBlocks, isOver }: RaceOptions = usualRace,
): Promise<RaceOutcome<T>> {
  const effects = new Map<T, number[]>(challengers.map((challenger) => [challenger, []]))
  const places = new Map<T, Place<T>>()
  const leave = (challenger: T, fate: Place<T>['fate'], reason?: string) =>
    places.set(challenger, place(challenger, effects.get(challenger)!, fate, reason))
  let running = [...challengers]
  let blocks = firstBlocks
  let total = 0
  while (running.length > 0 && total < mostBlocks) {
    const heats = await measure(running, blocks)
    total += blocks
    for (const [i, challenger] of running.entries()) {
      const { effects: shown, failure } = heats[i]!
      effects.get(challenger)!.push(...shown)
      if (failure !== undefined) leave(challenger, 'failed', failure)
      else if (intervalOf(effects.get(challenger)!)[1] < 0) leave(challenger, 'slower')
    }
    running = running.filter((challenger) => !places.has(challenger))
    if (total >= mostBlocks || isOver?.() === true) break
    const ranked = [...running].sort((a, b) => mean(effects.get(b)!) - mean(effects.get(a)!))
    for (const challenger of ranked.slice(Math.ceil(ranked.length / 2))) leave(challenger, 'left behind')
    running = running.filter((challenger) => !places.has(challenger))
    blocks = Math.min(total, mostBlocks - total)
  }
  const best = running
    .map((challenger) => ({ challenger, low: intervalOf(effects.get(challenger)!)[0] }))
    .sort((a, b) => b.low - a.low)[0]
  const winner = best !== undefined && best.low > 0 ? best.challenger : undefined
  for (const challenger of running) {
    leave(challenger, challenger === winner ? 'won' : 'not shown to be faster')
  }
  return {
    ...(winner !== undefined && { winner }),
    places: challengers.map((challenger) => places.get(challenger)!),
  }
}

function place<T>(
  challenger: T,
  effects: readonly number[],
  fate: Place<T>['fate'],
  reason?: string,
): Place<T> {
  return {
    challenger,
    effects,
    ...(effects.length > 1 && { interval: intervalOf(effects) }),
    fate,
    ...(reason !== undefined && { reason }),
  }
}

/** Of the mean effect. Fewer than two blocks say nothing. */
export function intervalOf(effects: readonly number[]): Interval {
  return effects.length < 2
    ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
    : studentInterval(meanEstimate(effects))
}
