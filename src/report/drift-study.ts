import type { BenchResult, Measurement } from '../result/schema.js'
import { type Estimate, logOf, subtractEstimates } from '../stats/difference.js'
import type { Interval } from '../stats/interval.js'
import { mean, median, sortSamples } from '../stats/samples.js'
import { normalQuantile } from '../stats/student-t.js'
import { wilsonInterval } from '../stats/wilson.js'
import { nameRow } from './columns.js'
import { addDrift } from './drift.js'

/** Two runs of one request, some time apart. */
export type RunPair = readonly [earlier: BenchResult, later: BenchResult]

/** What is left of the printed intervals where a run is repeated later, on the same machine. */
export interface DriftStudy {
  readonly schema: 'simdgres.drift-study/1'
  readonly machines: readonly string[]
  /** Minutes from the start of the earlier run to that of the later one. */
  readonly pairs: readonly {
    readonly startedAt: string
    readonly minutesApart: number
    readonly shift: number
  }[]
  /**
   * Rows of pairs in which the 95 % interval of the ratio of the two p50 holds 1. The interval of this share takes rows of
   * one pair for independent, which they are not.
   */
  readonly holdsOne: Share
  /** The same, once the median ratio of its pair is taken from each row: what all rows of a run have in common. */
  readonly holdsOneBesideShift: Share
  /** The same of the intervals that count the usual drift, as `simdgres report` compares two results. */
  readonly holdsOneWithDrift: Share
  readonly rows: readonly RowDrift[]
}

interface Share {
  readonly count: number
  readonly of: number
  readonly ci95: Interval
}

/** Standard deviations of the logarithm of a p50: 0.05 is 5 %. */
export interface RowDrift {
  readonly row: string
  readonly pairs: number
  readonly holdsOne: number
  /** What its printed interval says: chance within a run. */
  readonly withinRun: number
  /** What it really is between runs. */
  readonly betweenRuns: number
  /** What the interval leaves out. */
  readonly drift: number
}

/**
 * Each run belongs to one pair at most, so that pairs are independent. Runs are taken in order of time, each with the one
 * that started nearest to `apartMs` later, by `toleranceMs` at most.
 */
export function pairRuns(runs: readonly BenchResult[], apartMs: number, toleranceMs: number): RunPair[] {
  const left = [...runs].sort((a, b) => startOf(a) - startOf(b))
  const pairs: RunPair[] = []
  for (;;) {
    const earlier = left.shift()
    if (earlier === undefined) return pairs
    const missOf = (run: BenchResult) => Math.abs(startOf(run) - startOf(earlier) - apartMs)
    const [later] = left.filter((run) => missOf(run) <= toleranceMs).sort((a, b) => missOf(a) - missOf(b))
    if (later === undefined) continue
    left.splice(left.indexOf(later), 1)
    pairs.push([earlier, later])
  }
}

/**
 * How far the same rows are apart in pairs of runs.
 * @throws RangeError where no row is in both runs of a pair.
 */
export function studyDrift(pairs: readonly RunPair[]): DriftStudy {
  const compared = pairs.map(comparePair)
  const all = compared.flatMap(({ ratios }) => ratios)
  if (all.length === 0) throw new RangeError('A study of drift needs a pair of runs with a row in common')
  const names = [...new Set(all.map(({ row }) => row))]
  return {
    schema: 'simdgres.drift-study/1',
    machines: [...new Set(pairs.flat().map(({ machine }) => machine.fingerprint))],
    pairs: compared.map(({ startedAt, minutesApart, shift }) => ({
      startedAt,
      minutesApart,
      shift: Math.expm1(shift),
    })),
    holdsOne: share(all, ({ interval: [low, high] }) => low <= 0 && high >= 0),
    holdsOneBesideShift: share(
      all,
      ({ interval: [low, high], shift }) => low - shift <= 0 && high - shift >= 0,
    ),
    holdsOneWithDrift: share(all, ({ log, interval }) => {
      const [low, high] = addDrift({ value: log, ci95: interval }).ci95
      return low <= 0 && high >= 0
    }),
    rows: names.map((row) => describeRow(row, all)),
  }
}

interface RowRatio {
  readonly row: string
  /** Of the logarithm of later over earlier. */
  readonly log: number
  readonly interval: Interval
  /** The median over the rows of its pair. */
  readonly shift: number
}

function comparePair([earlier, later]: RunPair) {
  const before = new Map(measured(earlier).map((row) => [nameRow(row), row]))
  const ratios = measured(later).flatMap((row) => {
    const name = nameRow(row)
    const old = before.get(name)
    return old === undefined ? [] : [{ row: name, ...compareMedians(old, row) }]
  })
  const shift = median(sortSamples(ratios.map(({ log }) => log)))
  return {
    startedAt: earlier.startedAt,
    minutesApart: Math.round((startOf(later) - startOf(earlier)) / 60_000),
    shift,
    ratios: ratios.map((ratio): RowRatio => ({ ...ratio, shift })),
  }
}

function compareMedians(earlier: Measurement, later: Measurement): { log: number; interval: Interval } {
  const [before, after] = [earlier, later].map(({ latencyMs: { p50, percentilesCi95 } }) =>
    logOf({ value: p50, ci95: percentilesCi95.p50 }),
  ) as [Estimate, Estimate]
  const { value, ci95 } = subtractEstimates(after, before)
  return { log: value, interval: ci95 }
}

function describeRow(row: string, all: readonly RowRatio[]): RowDrift {
  const own = all.filter((ratio) => ratio.row === row)
  // A ratio has the error of two runs.
  const ofOneRun = (values: readonly number[]) => Math.sqrt(mean(values.map((value) => value ** 2)) / 2)
  const withinRun = ofOneRun(own.map(({ interval: [low, high] }) => (high - low) / 2 / normalQuantile))
  const betweenRuns = ofOneRun(own.map(({ log }) => log))
  return {
    row,
    pairs: own.length,
    holdsOne: own.filter(({ interval: [low, high] }) => low <= 0 && high >= 0).length,
    withinRun,
    betweenRuns,
    drift: Math.sqrt(Math.max(0, betweenRuns ** 2 - withinRun ** 2)),
  }
}

function share(ratios: readonly RowRatio[], holds: (ratio: RowRatio) => boolean): Share {
  const count = ratios.filter(holds).length
  return { count, of: ratios.length, ci95: wilsonInterval(count, ratios.length) }
}

const measured = ({ paths }: BenchResult) => paths.filter((row) => row.status === 'ok')
const startOf = ({ startedAt }: BenchResult) => Date.parse(startedAt)
