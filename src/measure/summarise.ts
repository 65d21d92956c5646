import type { Dataset } from '../datasets/dataset.js'
import { leastCallsFor } from '../result/percentiles.js'
import type { Comparison, Measurement, ResultRow } from '../result/schema.js'
import { bootstrapMean, bootstrapPercentiles } from '../stats/bootstrap.js'
import { pairedRatio } from '../stats/paired-ratio.js'
import type { Random } from '../stats/random.js'
import { mean, median, percentile, sortSamples } from '../stats/samples.js'
import { describeFloat4Limit } from './caveats/float4-limit.js'
import { type Lane, paramsOf, rowKey } from './lane/lane.js'
import { countReturned, type LaneRecord } from './lane/lane-run.js'
import { isRightInFloat4, queryRecall, summariseRecall } from './recall.js'
import type { Studies } from './studies/studies.js'
import { type Truths, truthOf } from './truths.js'

export interface SummaryContext extends Truths {
  readonly dataset: Dataset
  readonly random: Random
  readonly readBandwidthGBps: number
  /** What else was found out about rows. */
  readonly studies?: Studies | undefined
}

/** From what was observed of a lane to its row of the result. */
export function summariseLane(record: LaneRecord, context: SummaryContext): ResultRow {
  const name = nameRow(record.lane)
  if (record.failure !== undefined) return { ...name, status: 'failed', reason: record.failure }
  if (record.turns.length === 0) {
    return { ...name, status: 'failed', reason: 'The run was stopped before this row was measured.' }
  }
  return measureLane(record, context)
}

function nameRow(lane: Lane) {
  const { id, exact } = lane.corpus.path
  return { id, arm: lane.arm, params: paramsOf(lane), exact }
}

function measureLane(record: LaneRecord, context: SummaryContext): Measurement {
  const { lane, facts, turns, hits } = record
  const { dataset, random } = context
  const { path, load, index } = lane.corpus
  const times = turns.map((turn) => turn.times)
  const all = sortSamples(times.flatMap((turn) => Array.from(turn)))
  const meanMs = mean(all)
  const ci95 = bootstrapMean(times, random)
  const medianMs = median(all)
  const { cost, cold, inserting } = context.studies?.get(lane) ?? {}
  return {
    ...nameRow(lane),
    status: 'ok',
    load: describeLoad(record),
    settings: { ...facts?.settings },
    ...(load && { loading: { ...load } }),
    ...(index && { indexBuild: { ...index, build: lane.corpus.build ?? 1 } }),
    ...(path.searches && judgeHits(record, context)),
    latencyMs: {
      ...percentilesOf(all),
      mean: meanMs,
      ci95,
      percentilesCi95: percentileIntervals(times, all.length, random),
      averagedOver: path.batchSize,
    },
    qps: describeThroughput(record, meanMs, ci95, random),
    queries: turns.reduce((sum, { count }) => sum + count, 0),
    calls: all.length,
    distinctQueries: hits.size,
    // Under a filter it looks at the vectors of the rows that pass alone.
    ...(path.scans &&
      lane.variant['filter'] === undefined && {
        scan: describeScan(dataset, medianMs, context.readBandwidthGBps),
      }),
    ...(facts?.plan && { plan: { ...facts.plan, nodes: [...facts.plan.nodes] } }),
    ...(cost && { cost }),
    ...(cold && { cold: { ...cold, warmMs: medianMs } }),
    ...(inserting && { inserting }),
  }
}

function describeLoad({ lane: { load }, turns }: LaneRecord): Measurement['load'] {
  const { shape } = load
  if (shape.kind === 'closed') return shape
  const arrivals = turns.flatMap((turn) => turn.arrivals ?? [])
  const lags = sortSamples(arrivals.flatMap(({ lagsMs }) => Array.from(lagsMs)))
  const waiting = arrivals.reduce((sum, turn) => sum + turn.waiting, 0)
  return { ...shape, lag: { p99Ms: percentile(lags, 99) }, waiting: waiting / lags.length }
}

/** Queries per second of all clients together. */
function describeThroughput(
  { lane: { load }, turns }: LaneRecord,
  meanMs: number,
  [low, high]: readonly [number, number],
  random: Random,
): Measurement['qps'] {
  const { kind, clients } = load.shape
  // Each client of a closed loop waits for one answer at a time.
  if (kind === 'closed') {
    return { value: (clients * 1000) / meanMs, ci95: [(clients * 1000) / high, (clients * 1000) / low] }
  }
  const paces = turns.filter(({ count }) => count > 0).map(({ wallMs, count }) => [wallMs / count])
  const [slow, quick] = bootstrapMean(paces, random)
  return { value: 1000 / mean(paces.flat()), ci95: [1000 / quick, 1000 / slow] }
}

function percentilesOf(
  all: ReturnType<typeof sortSamples>,
): Pick<Measurement['latencyMs'], 'p50' | 'p95' | 'p99'> {
  return {
    p50: median(all),
    ...(all.length >= leastCallsFor(95) && { p95: percentile(all, 95) }),
    ...(all.length >= leastCallsFor(99) && { p99: percentile(all, 99) }),
  }
}

function percentileIntervals(
  times: readonly Float64Array[],
  calls: number,
  random: Random,
): Measurement['latencyMs']['percentilesCi95'] {
  const [p50, p95, p99] = bootstrapPercentiles(times, [50, 95, 99], random)
  return {
    p50: p50!,
    ...(calls >= leastCallsFor(95) && { p95: p95! }),
    ...(calls >= leastCallsFor(99) && { p99: p99! }),
  }
}

/** Recall, and why there was no better one to be had where the path's arithmetic is the reason. */
function judgeHits({ lane, hits }: LaneRecord, context: SummaryContext) {
  const { dataset } = context
  const truth = truthOf(context, lane.variant)
  const recalls = [...hits].map(([row, found]) => ({ row, recall: queryRecall(dataset, truth, row, found) }))
  const missed = recalls.filter(({ recall }) => recall < 1).map(({ row }) => row)
  const isFloat4 = lane.corpus.path.arithmetic === 'float4'
  const isRight = (row: number) => isRightInFloat4(dataset, truth, row, hits.get(row)!)
  const caveat = isFloat4 ? describeFloat4Limit(dataset, truth, missed, isRight) : undefined
  // The chance that is in an index is in none of its queries.
  const covers = lane.corpus.path.exact ? ('queries' as const) : ('queries of one build' as const)
  const recall = { ...summariseRecall(recalls.map(({ recall }) => recall)), covers }
  const returned = countReturned(hits.values(), truth.k)
  return { recall, ...(returned < truth.k && { returned }), ...(caveat && { caveat }) }
}

function describeScan({ base }: Dataset, medianMs: number, readBandwidthGBps: number) {
  const gbps = (base.rows * base.dims * Float32Array.BYTES_PER_ELEMENT) / (medianMs * 1e6)
  return { gbps, ofReadBandwidth: gbps / readBandwidthGBps }
}

/** Path, and what it is held against where both ran with the same parameters. */
const comparedPaths = [['extension-exact', 'pgvector-exact']] as const

/** Pairs rows of an arm by their parameters and clients, and their samples by turn. */
export function compareLanes(records: readonly LaneRecord[]): Comparison[] {
  const comparisons: Comparison[] = []
  // In an open loop the arrivals decide much of a latency.
  const isClosed = ({ lane }: LaneRecord) => lane.load.shape.kind === 'closed'
  const closedLoops = records.filter(isClosed)
  for (const [id, baselineId] of comparedPaths) {
    for (const subject of closedLoops.filter(({ lane }) => lane.corpus.path.id === id)) {
      const wanted = rowKey(subject.lane, baselineId)
      const baseline = closedLoops.find(
        ({ lane }) => lane.arm === subject.lane.arm && rowKey(lane) === wanted,
      )
      if (baseline === undefined) continue
      const [above, below] = [subject, baseline].map(({ turns }) => turns.map(({ times }) => times))
      const { value, ci95, pairs } = pairedRatio(above!, below!)
      if (pairs === 0) continue
      const [subjectName, baselineName] = [subject, baseline].map(({ lane }) => ({
        id: lane.corpus.path.id,
        arm: lane.arm,
        params: paramsOf(lane),
        ...(lane.load.shape.clients > 1 && { clients: lane.load.shape.clients }),
      }))
      comparisons.push({
        metric: 'meanLatency',
        subject: subjectName!,
        baseline: baselineName!,
        ratio: value,
        ci95,
        pairs,
      })
    }
  }
  return comparisons
}
