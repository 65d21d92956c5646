import type { Dataset, GroundTruth } from '../datasets/dataset.js'
import { pathRows } from '../paths/registry.js'
import type { Comparison, Measurement } from '../result/schema.js'
import { bootstrapMean, bootstrapPercentiles } from '../stats/bootstrap.js'
import { pairedRatio } from '../stats/paired-ratio.js'
import type { Random } from '../stats/random.js'
import { mean, median, medianAbsoluteDeviation, percentile, sortSamples } from '../stats/samples.js'
import { type Lane, nameLane } from './lane.js'
import { queryRecall, summariseRecall } from './recall.js'

export interface SummaryContext {
  readonly dataset: Dataset
  readonly truth: GroundTruth
  readonly random: Random
  readonly readBandwidthGBps: number
  /** Set apart, because asking for it is a statement of its own. */
  readonly plan: string
}

/** From the raw samples of a lane to its row of the result. */
export function summariseLane(lane: Lane, context: SummaryContext): Measurement {
  const { path, prepared, samples } = lane
  const { dataset, truth, random } = context
  const all = sortSamples(samples.rounds.flatMap((round) => Array.from(round)))
  const meanMs = mean(all)
  const ci95 = bootstrapMean(samples.rounds, random)
  const [p50, p95, p99] = bootstrapPercentiles(samples.rounds, [50, 95, 99], random)
  const medianMs = median(all)
  return {
    id: path.id,
    params: { ...prepared.variant },
    exact: path.exact,
    status: 'ok',
    ...(prepared.load && { load: { ...prepared.load } }),
    ...(prepared.index && { index: { ...prepared.index } }),
    ...(pathRows[path.id].searches && { recall: recallOf(lane, dataset, truth, random) }),
    latencyMs: {
      p50: medianMs,
      p95: percentile(all, 95),
      p99: percentile(all, 99),
      mean: meanMs,
      ci95,
      percentilesCi95: { p50: p50!, p95: p95!, p99: p99! },
    },
    qps: { value: 1000 / meanMs, ci95: [1000 / ci95[1], 1000 / ci95[0]] },
    queries: samples.count,
    calls: all.length,
    distinctQueries: samples.hits.size,
    // How often a batch reads the vectors is not known here.
    ...(path.exact &&
      path.batchSize === 1 &&
      pathRows[path.id].readsVectors !== false && {
        scan: describeScan(dataset, medianMs, context.readBandwidthGBps),
      }),
    ...(context.plan !== '' && { plan: context.plan }),
  }
}

function recallOf(lane: Lane, dataset: Dataset, truth: GroundTruth, random: Random) {
  const recalls = [...lane.samples.hits].map(([row, hits]) => queryRecall(dataset, truth, row, hits))
  return summariseRecall(recalls, truth.k, random)
}

function describeScan({ base }: Dataset, medianMs: number, readBandwidthGBps: number) {
  const gbps = (base.rows * base.dims * Float32Array.BYTES_PER_ELEMENT) / (medianMs * 1e6)
  return { gbps, ofReadBandwidth: gbps / readBandwidthGBps }
}

/** Medians of the rounds may spread this much, as a share of their median, before it is worth a warning. */
const noisySpread = 0.1

/** What a reader has to know before trusting the figures; undefined if there is nothing. */
export function warnOfNoise(lanes: readonly Lane[]): string | undefined {
  const noisy = lanes
    .map((lane) => ({ lane, spread: spreadOfRounds(lane) }))
    .filter(({ spread }) => spread > noisySpread)
    .sort((a, b) => b.spread - a.spread)
  const [worst] = noisy
  if (worst === undefined) return undefined
  return (
    `The machine was not quiet: the medians of rounds differ by more than ${noisySpread * 100} % in ` +
    `${noisy.length} of ${lanes.length} rows, most in ${nameLane(worst.lane)} (${(worst.spread * 100).toFixed(0)} %).`
  )
}

/** Median absolute deviation of the rounds' medians, as a share of their median. */
function spreadOfRounds({ samples }: Lane): number {
  const measured = samples.rounds.filter((round) => round.length > 0)
  const medians = sortSamples(measured.map((round) => median(sortSamples(round))))
  return medianAbsoluteDeviation(medians) / median(medians)
}

/** Path, and what it is held against where both ran with the same parameters. */
const comparedPaths = [['extension-exact', 'pgvector-exact']] as const

/** Pairs rows by their parameters, and their samples by round. */
export function compareLanes(lanes: readonly Lane[]): Comparison[] {
  const comparisons: Comparison[] = []
  for (const [path, baseline] of comparedPaths) {
    for (const lane of lanes.filter((candidate) => candidate.path.id === path)) {
      const params = JSON.stringify(lane.prepared.variant)
      const other = lanes.find(
        (candidate) =>
          candidate.path.id === baseline && JSON.stringify(candidate.prepared.variant) === params,
      )
      if (other === undefined) continue
      const { value, ci95, pairs } = pairedRatio(other.samples.rounds, lane.samples.rounds)
      comparisons.push({
        path,
        baseline,
        params: { ...lane.prepared.variant },
        speedup: { value, ci95 },
        rounds: pairs,
      })
    }
  }
  return comparisons
}
