import type { GateMetric, GateResult } from '../result/gate-schema.js'
import { wilsonInterval } from '../stats/wilson.js'
import { decide, defaultPolicy, type MetricSamples, type Policy, type Verdict } from './decide.js'
import { type Evidence, nothingOf } from './evidence.js'

/** How often something happened, with its 95 % interval. */
export interface Rate {
  readonly count: number
  readonly of: number
  readonly ci95: readonly [number, number]
}

/** What recorded comparisons of a thing with itself say of the gate. */
export interface Study {
  readonly schema: 'simdgres.gate-study/1'
  readonly machines: readonly string[]
  readonly policy: Policy
  /** Decisions that called a row worse or better. Nothing had changed. */
  readonly falseAlarms: Rate
  /** A row that the first stage alone would have called worse or better. */
  readonly falseFlags: Rate
  /** Decisions that could judge nothing. */
  readonly inconclusive: Rate
  /** Planted changes that were called a regression of that row and of no other. */
  readonly caught: readonly {
    readonly subject: string
    readonly plantedChange: number
    readonly rate: Rate
  }[]
  /** Of log ratios, between the blocks of a run and between the means of runs (deployments), by row. */
  readonly spreads: readonly {
    readonly subject: string
    readonly withinRun: number
    readonly betweenRuns: number
  }[]
}

/**
 * Replays recorded runs of `simdgres gate --a-a` through `decide`. Run i is the first stage of decision i and run i + 1 the
 * second, as it would have been on fresh servers. A change is planted by adding its logarithm to every block of one row.
 * @throws RangeError for fewer than two runs of the same rows.
 */
export function replay(
  runs: readonly GateResult[],
  { policy = defaultPolicy, planted = [0.03, 0.05] }: { policy?: Policy; planted?: readonly number[] } = {},
): Study {
  const rows = runs[0]?.metrics ?? []
  const isAlike = runs.every(
    ({ metrics }) => JSON.stringify(metrics.map(nameMetric)) === JSON.stringify(rows.map(nameMetric)),
  )
  if (runs.length < 2 || !isAlike)
    throw new RangeError('A study needs two runs at least, all of the same rows')
  const pairs = runs.map((run, i) => [run, runs[(i + 1) % runs.length]!] as const)
  const plain = pairs.map(([first, second]) => decideTwice(first, second, policy))
  const has = (outcomes: readonly Verdict['outcome'][]) =>
    plain.filter(({ verdicts }) => verdicts.some(({ outcome }) => outcomes.includes(outcome))).length
  const plantable = rows.flatMap((row, index) => (row.unit === 'ratio' && !row.isControl ? [index] : []))
  return {
    schema: 'simdgres.gate-study/1',
    machines: [...new Set(runs.map(({ machine }) => machine.fingerprint))],
    policy,
    falseAlarms: rate(has(['regressed', 'improved']), runs.length),
    falseFlags: rate(plain.filter(({ isFlagged }) => isFlagged).length, runs.length),
    inconclusive: rate(has(['inconclusive']), runs.length),
    caught: plantable.flatMap((row) =>
      planted.map((change) => {
        const plant = { row, log: Math.log1p(change) }
        const seen = pairs.filter(([first, second]) =>
          decideTwice(first, second, policy, plant).verdicts.every(
            ({ outcome }, i) => (outcome === 'regressed') === (i === row),
          ),
        )
        return {
          subject: rows[row]!.subject,
          plantedChange: change,
          rate: rate(seen.length, pairs.length),
        }
      }),
    ),
    spreads: rows.flatMap(({ subject, unit }, i) => {
      if (unit !== 'ratio') return []
      const [within, changes] = [
        runs.map(({ metrics }) => metrics[i]!.spread ?? Number.NaN),
        runs.map(({ metrics }) => Math.log1p(metrics[i]!.change)),
      ]
      // Means over runs of squares: both arms are the same, so the truth is 0.
      return [{ subject, withinRun: rootMeanSquare(within), betweenRuns: rootMeanSquare(changes) }]
    }),
  }
}

/** As a run does it: what the first stage flags is looked at again, in what the other run has. */
function decideTwice(
  first: GateResult,
  second: GateResult,
  policy: Policy,
  plant?: { readonly row: number; readonly log: number },
): { verdicts: readonly Verdict[]; isFlagged: boolean } {
  const evidence = (run: GateResult, i: number): Evidence => {
    const [of] = run.metrics[i]!.evidence
    return plant?.row === i ? shift(of!, plant.log) : of!
  }
  const samples = first.metrics.map(
    ({ subject, metric, unit, isControl }, i): MetricSamples => ({
      ...{ subject, metric, isControl, unit: unit === 'ratio' ? 'log-ratio' : 'share' },
      stages: [evidence(first, i)],
    }),
  )
  const once = decide(samples, policy)
  const isFlagged = once.some(({ needsConfirmation }) => needsConfirmation)
  if (!isFlagged) return { verdicts: once, isFlagged }
  const subjects = new Set(samples.flatMap(({ subject }, i) => (once[i]!.needsConfirmation ? [subject] : [])))
  const both = samples.map((sample, i): MetricSamples => {
    const [of] = sample.stages
    if (!subjects.has(sample.subject) && sample.isControl !== true) return sample
    return { ...sample, stages: [of, second.metrics[i] === undefined ? nothingOf(of) : evidence(second, i)] }
  })
  return { verdicts: decide(both, policy), isFlagged }
}

function shift(evidence: Evidence, log: number): Evidence {
  if (!('by' in evidence)) return evidence.map((effect) => effect + log)
  if (evidence.by === 'build') return evidence
  return { ...evidence, effects: evidence.effects.map((effect) => effect + log) }
}

const nameMetric = ({ subject, metric }: GateMetric) => `${subject} ${metric}`
const rate = (count: number, of: number): Rate => ({ count, of, ci95: wilsonInterval(count, of) })
const rootMeanSquare = (values: readonly number[]) =>
  Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)
