import type { Measurement } from '../../../result/schema.js'
import type { Tick } from './named-rows.js'

/** Where recalls and speeds lie in a chart, from 0 to 1 each; the same for all charts that are to be held against each other. */
export interface AccuracyScale {
  placeRecall(recall: number): number
  placeSpeed(qps: number): number
  readonly recallTicks: readonly Tick[]
  readonly speedTicks: readonly Tick[]
}

/** Those that are written first stay where there is no room for all. */
const recallMarks = [1, 0.99, 0.9, 0.999, 0.95, 0.5, 0.9999, 0.8, 0]
/** How far two written recalls are apart at least. */
const leastGap = 0.1
/** From the last recall below 1 to the place of 1, as a share of what lies before it, and in powers of ten. */
const exactGap = { share: 0.12, least: 0.2 }

/**
 * Recall by its misses on a logarithmic scale, so that .9, .99 and .999 are equally far apart; 1 stands at the right, in a place of
 * its own. Speed is logarithmic too.
 */
export function createAccuracyScale(rows: readonly Measurement[]): AccuracyScale {
  const recalls = rows.flatMap(({ recall }) => (recall === undefined ? [] : [recall.mean]))
  const missing = recalls.filter((recall) => recall < 1).map(missesOf)
  const known = recallMarks.filter((mark) => mark < 1).map(missesOf)
  const start = Math.max(0, ...known.filter((mark) => mark <= Math.min(...missing)))
  const end = Math.max(start, ...missing)
  const exact = end + Math.max((end - start) * exactGap.share, exactGap.least)
  const [left, right] = widen(start, exact, 0.09)
  const placeRecall = (recall: number) => {
    const misses = recall >= 1 ? exact : Math.min(exact, Math.max(start, missesOf(recall)))
    return (misses - left) / (right - left)
  }
  const speeds = rows.flatMap(({ qps }) => qps.ci95.map(Math.log10))
  const [bottom, top] = widen(Math.min(...speeds), Math.max(...speeds), 0.08)
  const placeSpeed = (qps: number) => (Math.log10(qps) - bottom) / (top - bottom)
  return {
    ...{ placeRecall, placeSpeed },
    recallTicks: chooseRecallTicks(
      (mark) => mark === 1 || (missesOf(mark) >= start && missesOf(mark) <= end),
      placeRecall,
    ),
    speedTicks: chooseLogTicks(10 ** bottom, 10 ** top),
  }
}

const missesOf = (recall: number) => -Math.log10(1 - recall)

function widen(low: number, high: number, share: number): [number, number] {
  const room = (high - low) * share || 0.1
  return [low - room, high + room]
}

function chooseRecallTicks(isWithin: (mark: number) => boolean, place: (mark: number) => number): Tick[] {
  const chosen: number[] = []
  for (const mark of recallMarks.filter(isWithin)) {
    if (chosen.every((other) => Math.abs(place(mark) - place(other)) >= leastGap)) chosen.push(mark)
  }
  return chosen.sort((a, b) => a - b).map((value) => ({ value, text: String(value) }))
}

/** Powers of ten from `low` to `high`; where there are fewer than three, their doubles and fivefolds as well. */
export function chooseLogTicks(low: number, high: number): Tick[] {
  const list = (factors: readonly number[]) => {
    const values: number[] = []
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) values.push(Number(`${factor}e${power}`))
    }
    return values.filter((value) => value >= low && value <= high)
  }
  const powers = list([1])
  const values = powers.length >= 3 ? powers : list([1, 2, 5])
  return values.map((value) => ({ value, text: value.toLocaleString('en-US', { maximumFractionDigits: 9 }) }))
}
