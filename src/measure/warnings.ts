import { median, medianAbsoluteDeviation, sortSamples } from '../stats/samples.js'
import { nameLane } from './lane.js'
import type { LaneRecord } from './lane-run.js'

/** What the warnings of a run are found in. */
export interface Observed {
  readonly records: readonly LaneRecord[]
}

interface Warning {
  /** What would mislead a reader who is not told. */
  readonly name: string
  /** What is wrong and the next step, once for all rows that it is true of. */
  find(observed: Observed): string | undefined
}

/** Medians of the rounds may spread this much, as a share of their median. */
const noisySpread = 0.1

/** The one list of what a reader has to know before trusting the figures. */
const warnings: readonly Warning[] = [
  {
    name: 'unsteady rows',
    find: ({ records }) =>
      tell(
        records.filter(({ facts }) => facts?.isUnsteady),
        (rows) =>
          `Still getting faster when the warm-up ended: ${rows}. A longer profile, or --seconds, shows more.`,
      ),
  },
  {
    name: 'noisy machine',
    find({ records }) {
      const measured = records.filter(hasSamples)
      const noisy = measured
        .map((record) => ({ lane: record.lane, spread: spreadOfRounds(record) }))
        .filter(({ spread }) => spread > noisySpread)
        .sort((a, b) => b.spread - a.spread)
      const [worst] = noisy
      if (worst === undefined) return undefined
      return (
        `The machine was not quiet: the medians of rounds differ by more than ${noisySpread * 100} % in ` +
        `${noisy.length} of ${measured.length} rows, most in ${nameLane(worst.lane)} ` +
        `(${(worst.spread * 100).toFixed(0)} %). Stop what else runs on it, or measure longer with --seconds.`
      )
    },
  },
  {
    name: 'rounds cut short',
    find: ({ records }) =>
      tell(
        records.filter(({ turns }) => turns.some(({ isCut }) => isCut)),
        (rows) =>
          `Took much longer than the warm-up: ${rows} were cut short, so the slow periods of the machine count for too ` +
          'little. Measure again on a quiet machine, or with more --seconds.',
        ({ turns }) => `${turns.filter(({ isCut }) => isCut).length} of its ${turns.length} rounds`,
      ),
  },
  {
    name: 'workers taken',
    find: ({ records }) =>
      tell(
        records.filter(({ facts }) => isShortOfWorkers(facts?.plan)),
        (rows) =>
          `Fewer parallel workers than planned: ${rows}. Other sessions had the server's workers; ` +
          'run when they are idle, or raise max_parallel_workers.',
        ({ facts }) => `${facts!.plan!.workersLaunched} of ${facts!.plan!.workersPlanned} launched`,
      ),
  },
]

/** What a reader has to know before trusting the figures, each with the next step. */
export function listWarnings(observed: Observed): string[] {
  return warnings.flatMap(({ find }) => find(observed) ?? [])
}

/** Rows that one warning names; what it says is true of the others as well. */
const namedRows = 3

function tell(
  records: readonly LaneRecord[],
  sentence: (rows: string) => string,
  detail?: (record: LaneRecord) => string,
): string | undefined {
  if (records.length === 0) return undefined
  const named = records.slice(0, namedRows).map((record) => {
    const name = nameLane(record.lane)
    return detail === undefined ? name : `${name} (${detail(record)})`
  })
  const rest = records.length - named.length
  return sentence(`${named.join(', ')}${rest > 0 ? ` and ${rest} more rows` : ''}`)
}

function isShortOfWorkers(plan: { workersPlanned: number; workersLaunched: number } | undefined): boolean {
  return plan !== undefined && plan.workersLaunched < plan.workersPlanned
}

function hasSamples({ turns }: LaneRecord): boolean {
  return turns.some(({ times }) => times.length > 0)
}

/** Median absolute deviation of the rounds' medians, as a share of their median. */
function spreadOfRounds({ turns }: LaneRecord): number {
  const measured = turns.filter(({ times }) => times.length > 0)
  const medians = sortSamples(measured.map(({ times }) => median(sortSamples(times))))
  return medianAbsoluteDeviation(medians) / median(medians)
}
