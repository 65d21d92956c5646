import type { PathId } from '../paths/search-path.js'
import type { GateMetric } from '../result/gate-schema.js'
import type { JudgedRow } from './builds.js'
import { decide, type MetricSamples, type Policy, type Verdict } from './decide.js'
import { type Evidence, nothingOf } from './evidence.js'
import { describeMetric } from './gate-result.js'

export interface JudgedRun {
  readonly metrics: readonly GateMetric[]
  readonly verdicts: readonly Verdict[]
}

/**
 * Judges the rows of a first stage, and those that it flags again by what `confirm` measures of them.
 * @param confirm resolves to the rows of the second stage; not called where nothing was flagged.
 */
export async function judgeRun(
  first: readonly JudgedRow[],
  { controls, policy }: { readonly controls: readonly PathId[]; readonly policy: Policy },
  confirm: (flagged: readonly JudgedRow[]) => Promise<readonly JudgedRow[]>,
  judge: typeof decide = decide,
): Promise<JudgedRun> {
  let samples = toSamples(first, controls)
  let verdicts = judge(samples, policy)
  const flagged = new Set(samples.flatMap(({ row }, i) => (verdicts[i]!.needsConfirmation ? [row] : [])))
  if (flagged.size > 0) {
    samples = toSamples(first, controls, { rows: await confirm([...flagged]), flagged })
    verdicts = judge(samples, policy)
  }
  return { verdicts, metrics: verdicts.map((verdict, i) => describeMetric(verdict, samples[i]!)) }
}

/** Whose metric it is, beside it. */
interface RowSamples extends MetricSamples {
  readonly row: JudgedRow
}

/** @param confirmation the second stage, of the rows that the first has flagged: what it could not measure is not confirmed. */
function toSamples(
  first: readonly JudgedRow[],
  controls: readonly PathId[],
  confirmation?: { readonly rows: readonly JudgedRow[]; readonly flagged: ReadonlySet<JudgedRow> },
): RowSamples[] {
  return first.flatMap((row): RowSamples[] => {
    const { key, subject, pathId } = row
    const again = confirmation?.rows.find((other) => other.key === key)
    const stages = (of: Evidence, measured: Evidence | undefined): MetricSamples['stages'] => {
      const isMissing = measured === undefined && confirmation?.flagged.has(row) === true
      const second = isMissing ? nothingOf(of) : measured
      return second === undefined ? [of] : [of, second]
    }
    const shared = { row, subject, isControl: controls.includes(pathId) }
    const time = {
      ...shared,
      metric: 'time',
      unit: 'log-ratio',
      stages: stages(row.time, again?.time),
    } as const
    if (row.recall === undefined) return [time]
    const recalls = stages(row.recall, again?.recall)
    return [time, { ...shared, metric: 'recall', unit: 'share', stages: recalls }]
  })
}
