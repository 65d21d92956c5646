import { median, sortSamples } from '../stats/samples.js'
import type { LaneRun } from './lane/lane-run.js'
import { closed } from './load/closed.js'
import type { QueryCursor, QueryTurn } from './load/query-cursor.js'

/** A window this long has seen more than the timer's noise; slow paths get one query per window. */
const windowMs = 100
/** Windows on each side of the comparison. */
const sideWindows = 2
/** Faster than before by less than this share counts as steady; slower is noise, not warming up. */
const tolerance = 0.05

/** `unknown` for paths so slow that the time was over before there was anything to compare. */
export type Steadiness = 'steady' | 'unsteady' | 'unknown'

export interface WarmUp {
  readonly steadiness: Steadiness
  /** By the clock. */
  readonly msPerQuery: number
}

/**
 * Runs queries until they stop getting faster: the mean of the last two windows is no longer more than 5 % below
 * the mean of the two before. How many queries that takes differs between paths by orders of magnitude (page
 * caches, JIT, plan caches), so it is observed and not assumed. Ends at `limitMs` at the latest, or with the query
 * that is running then. The queries come from `cursor`, not from the lane's own, which starts at its first one.
 */
export async function warmUp(
  run: LaneRun,
  cursor: QueryCursor,
  limitMs: number,
  signal: AbortSignal,
): Promise<WarmUp> {
  const { load } = run.lane
  // Arrivals would tell how fast they are, and not the server.
  const warming = load.shape.kind === 'open' ? closed(load.shape.clients) : load
  const windows: number[] = []
  const deadline = performance.now() + limitMs
  for (;;) {
    const { wallMs, count } = await run.run(openWindow(cursor), signal, warming)
    windows.push(wallMs / count)
    const msPerQuery = readPace(windows)
    if (isSteady(windows)) return { steadiness: 'steady', msPerQuery }
    if (performance.now() < deadline) continue
    return { steadiness: windows.length < 2 * sideWindows ? 'unknown' : 'unsteady', msPerQuery }
  }
}

function openWindow(cursor: QueryCursor): QueryTurn {
  let start: number | undefined
  return {
    next() {
      if (start !== undefined && performance.now() - start >= windowMs) return undefined
      start ??= performance.now()
      return cursor.next()
    },
  }
}

/**
 * The time per query that the windows have come to. The median of both sides: a warm-up ends as soon as its last windows
 * are not faster than those before, so they are more often the slow ones, and one stall must not decide.
 */
export function readPace(windows: readonly number[]): number {
  return median(sortSamples(windows.slice(-2 * sideWindows)))
}

/** `windows` are mean times per query, oldest first. */
export function isSteady(windows: readonly number[]): boolean {
  if (windows.length < 2 * sideWindows) return false
  const before = sum(windows.slice(-2 * sideWindows, -sideWindows))
  const after = sum(windows.slice(-sideWindows))
  return after >= before * (1 - tolerance)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
