import type { Dataset, GroundTruth } from '../datasets/dataset.js'
import { describeDesign, type Lane, nameLane, rowKey } from '../measure/lane/lane.js'
import type { LaneRecord, TurnRecord } from '../measure/lane/lane-run.js'
import { queryRecall } from '../measure/recall.js'
import type { GateCheck } from '../result/gate-schema.js'
import { mean, median, sortSamples } from '../stats/samples.js'

/** What one stage has given for one row of both arms. */
export interface PairedRow {
  /** The same for all builds of a design. */
  readonly key: string
  readonly subject: string
  readonly pathId: string
  /** log(head / base) of the time of a query, one for each block. */
  readonly effects: readonly number[]
  /** Of an approximate path: the recall of each query by its row. */
  readonly recalls?: Readonly<Record<'base' | 'head', ReadonlyMap<number, number>>>
  readonly checks: readonly GateCheck[]
}

/** What recall is counted with. */
interface Truth {
  readonly dataset: Dataset
  readonly truth: GroundTruth
}

/** A row that one arm alone has measured. */
export interface UnpairedRow {
  readonly subject: string
  readonly arm: 'base' | 'head'
  readonly reason?: string
}

/** Lanes that have a counterpart in the other arm, and the names of those that have none. */
export function pairLanes(
  base: readonly Lane[],
  head: readonly Lane[],
): { paired: Lane[]; unpaired: UnpairedRow[] } {
  const [baseKeys, headKeys] = [base, head].map((lanes) => new Set(lanes.map((lane) => rowKey(lane))))
  const isShared = (lane: Lane) => baseKeys!.has(rowKey(lane)) && headKeys!.has(rowKey(lane))
  const lanes = [...base, ...head]
  return {
    paired: lanes.filter(isShared),
    unpaired: lanes
      .filter((lane) => !isShared(lane))
      .map((lane) => ({ subject: nameLane(lane), arm: lane.arm === 'base' ? 'base' : 'head' })),
  }
}

/** Rows that were measured in both arms, and those that failed in one of them. */
export function compareRecords(
  records: readonly LaneRecord[],
  truth: Truth,
): { rows: PairedRow[]; failed: UnpairedRow[] } {
  const heads = new Map(
    records.filter(({ lane }) => lane.arm === 'head').map((record) => [rowKey(record.lane), record]),
  )
  const rows: PairedRow[] = []
  const failed: UnpairedRow[] = []
  for (const base of records.filter(({ lane }) => lane.arm === 'base')) {
    const head = heads.get(rowKey(base.lane))!
    const subject = nameLane(base.lane)
    if (base.failure !== undefined || head.failure !== undefined) {
      // The one that works is the row that the other has not.
      const [arm, reason] =
        base.failure === undefined ? ['base' as const, head.failure] : ['head' as const, base.failure]
      failed.push({ subject, arm, ...(reason !== undefined && { reason }) })
      continue
    }
    const { id, exact, searches } = base.lane.corpus.path
    const { key, name } = describeDesign(base.lane)
    rows.push({
      key,
      subject: name,
      pathId: id,
      effects: compareBlocks(base.turns, head.turns),
      ...(!exact &&
        searches && { recalls: { base: countRecalls(base, truth), head: countRecalls(head, truth) } }),
      checks: compareFacts(name, base, head, truth),
    })
  }
  return { rows, failed }
}

function countRecalls({ hits }: LaneRecord, { dataset, truth }: Truth): Map<number, number> {
  return new Map([...hits].map(([row, found]) => [row, queryRecall(dataset, truth, row, found)]))
}

/**
 * All four turns of a block ask the same queries, so each query is compared with itself: the faster of its two times in one
 * arm with the faster of its two in the other. The median over the queries does not see what the machine does to a few.
 */
function compareBlocks(base: readonly TurnRecord[], head: readonly TurnRecord[]): number[] {
  const blocks = [...new Set(base.map(({ round }) => round))]
  return blocks.map((round) => {
    const [before, after] = [base, head].map((turns) => fasterTimes(turns, round)) as [number[], number[]]
    return median(sortSamples(before.map((ms, i) => Math.log(after[i]! / ms))))
  })
}

function fasterTimes(turns: readonly TurnRecord[], round: number): number[] {
  const [first, second] = turns.filter((turn) => turn.round === round)
  return Array.from(first!.times, (ms, i) => Math.min(ms, second!.times[i]!))
}

/** An index grows by less with the same rows: its pages fill up differently. */
const indexGrowth = 1.05

/** What does not depend on the machine's mood. */
function compareFacts(subject: string, base: LaneRecord, head: LaneRecord, truth: Truth): GateCheck[] {
  const checks: GateCheck[] = []
  const report = (check: GateCheck['check'], from: string, to: string, outcome: GateCheck['outcome']) =>
    checks.push({ subject, check, base: from, head: to, outcome })
  const [basePlan, headPlan] = [base.facts?.plan, head.facts?.plan]
  if (basePlan && headPlan) {
    const [from, to] = [basePlan, headPlan].map(({ nodes }) => nodes.join(' > ')) as [string, string]
    if (from !== to) report('plan', from, to, 'changed')
    const [before, after] = [basePlan.workersLaunched, headPlan.workersLaunched]
    if (after < before) report('workers launched', String(before), String(after), 'regressed')
  }
  const [baseBytes, headBytes] = [base, head].map(({ lane }) => lane.corpus.index?.bytes ?? 0) as [
    number,
    number,
  ]
  if (headBytes > baseBytes * indexGrowth)
    report('index bytes', String(baseBytes), String(headBytes), 'regressed')
  const { exact, searches } = base.lane.corpus.path
  if (exact && searches) {
    const [before, after] = [base, head].map((record) => mean([...countRecalls(record, truth).values()])) as [
      number,
      number,
    ]
    if (after < before) report('recall of an exact path', before.toFixed(4), after.toFixed(4), 'regressed')
  }
  return checks
}
