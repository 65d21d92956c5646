import type { Hits } from '../../paths/search-path.js'
import { maxInlineDims, maxInlineHalfDims } from '../../paths/server/vector-table.js'
import { formatNumber } from '../../result/numbers.js'
import { median, medianAbsoluteDeviation, sortSamples } from '../../stats/samples.js'
import { nameLane } from '../lane/lane.js'
import { countReturned, type LaneRecord } from '../lane/lane-run.js'

/** What the warnings of a run are found in. */
export interface Observed {
  readonly records: readonly LaneRecord[]
  /** Rows that a search should return. */
  readonly k?: number
  /** Of the vectors. */
  readonly dims?: number
  /** What keeps the processor from its full speed. */
  readonly powerSaving?: readonly string[]
}

interface Warning {
  /** What would mislead a reader who is not told. */
  readonly name: string
  /** What is wrong and the next step, once for all rows that it is true of. */
  find(observed: Observed): string | undefined
}

/** Medians of the rounds may spread this much, as a share of their median. */
const noisySpread = 0.1
/** Blocks from outside of shared buffers, as a share of all that a search looks at. */
const coldShare = 0.01
/** A client this busy answers for the speed itself. */
const saturatedUse = 0.9
/** Of the arrivals of an open loop: so many that wait at its end are no chance, they are a queue that grows. */
const growingQueue = 0.05
/** Of a median latency: more than this is not the server's. */
const lateShare = 0.2
/** Recall over fewer queries, each with k places, is not known to a few per cent, nor is a median. */
const leastQueries = 100
/** Types that pgvector's input functions or casts read, once for each search. */
const convertedType = /^(text|character varying|numeric\[\]|double precision\[\])$/

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
    name: 'power saving',
    find: ({ powerSaving = [] }) =>
      powerSaving.length === 0
        ? undefined
        : `The processor was not free to run at its full speed: ${powerSaving.join('; ')}. Times are longer than this ` +
          'machine needs, and may change with its load: set the governor performance (cpupower frequency-set -g performance).',
  },
  {
    name: 'cold cache',
    find: ({ records }) =>
      tell(
        records.filter(({ facts }) => isCold(facts?.plan?.buffers)),
        (rows) =>
          `Read from outside of shared buffers, after warming up: ${rows}. Times are those of a cache that is too small: ` +
          'raise --memory or shared_buffers, or search fewer rows with --rows.',
        ({ facts }) => {
          const { hit, read } = facts!.plan!.buffers
          return `${read} of ${hit + read} blocks`
        },
      ),
  },
  {
    name: 'saturated client',
    find: ({ records }) =>
      tell(
        records.filter((record) => record.lane.corpus.path.needsServer && useOfClient(record) > saturatedUse),
        (rows) =>
          `The client was the limit: ${rows}. Figures are those of this process, not of the server; the row null shows ` +
          'what it costs. Ask with fewer clients, or from a faster machine.',
        (record) => `busy ${(useOfClient(record) * 100).toFixed(0)} % of the time`,
      ),
  },
  {
    name: 'saturated server',
    find: ({ records }) =>
      tell(
        records.filter((record) => shareWaiting(record) > growingQueue),
        (rows) =>
          `Answers did not keep up with arrivals: ${rows}. Their queue grows as long as the load lasts, so the latencies are ` +
          'those of a load of this length: offer less with --rate, or take a faster path or machine.',
        (record) => `${(shareWaiting(record) * 100).toFixed(0)} % still waited at the last arrival`,
      ),
  },
  {
    name: 'late generator',
    find: ({ records }) =>
      tell(
        records.filter((record) => medianLag(record) > lateShare * medianTime(record)),
        (rows) =>
          `Queries were sent late: ${rows}. Latencies count from when they were due, so this delay of the client is in them: ` +
          'offer less with --rate, or ask from a machine that does nothing else.',
        (record) => `by ${formatNumber(medianLag(record))} ms of ${formatNumber(medianTime(record))} ms`,
      ),
  },
  {
    name: 'too few queries',
    find: ({ records }) =>
      tell(
        records.filter(({ hits, turns }) => turns.length > 0 && hits.size < leastQueries),
        (rows) =>
          `Fewer than ${leastQueries} different queries: ${rows}. Recall and percentiles may be those of these few: ` +
          'measure longer with --seconds, or raise --queries.',
        ({ hits }) => `${hits.size}`,
      ),
  },
  {
    name: 'too few rows under a filter',
    find: ({ records, k = 0 }) =>
      tell(
        records.filter((record) => isFiltered(record) && countReturned(record.hits.values(), k) < k),
        (rows) =>
          `Fewer rows than asked for: ${rows}. The filter drops rows after the index has found them: set iterative_scan ` +
          '(pgvector 0.8), raise hnsw.max_scan_tuples or ivfflat.max_probes where it is on, or build a partial index on ' +
          'the rows that pass.',
        ({ hits }) => formatReturned(hits.values(), k),
      ),
  },
  {
    name: 'too few rows',
    find: ({ records, k = 0 }) =>
      tell(
        records.filter((record) => !isFiltered(record) && countReturned(record.hits.values(), k) < k),
        (rows) =>
          `Fewer rows than asked for: ${rows}. The index found no more with these settings: raise ef_search or probes, ` +
          'or set iterative_scan (pgvector 0.8).',
        ({ hits }) => formatReturned(hits.values(), k),
      ),
  },
  {
    name: 'text-mode vectors',
    find: ({ records }) =>
      tell(
        records.filter(({ facts }) => isConverted(facts?.plan?.queryVector)),
        (rows) =>
          `The query vector is converted by the server for each search: ${rows}. Part of the time is that of reading numbers: ` +
          'bind it in binary as vector, halfvec or real[].',
        ({ facts }) => {
          const { type, encoding } = facts!.plan!.queryVector!
          return encoding === 'text' ? 'sent as text' : `sent as ${type}`
        },
      ),
  },
  {
    name: 'subquery vector',
    find: ({ records }) =>
      tell(
        records.filter(({ facts }) => facts?.plan?.hasSubquery),
        (rows) =>
          `The query vector comes from a subquery: ${rows}. The planner does not know it, and its time is in the row: ` +
          'fetch the vector first, and bind it as a parameter.',
      ),
  },
  {
    name: 'TOASTed baseline',
    find: ({ records, dims = 0 }) =>
      tell(
        records.filter(({ lane: { corpus } }) => corpus.path.scans && (corpus.load?.outOfLineBytes ?? 0) > 0),
        (rows) =>
          `Vectors lie out of line (TOAST), where a scan fetches each of them through an index: ${rows}. They are no ` +
          `baseline for what keeps its vectors together: ${adviseOnStorage(dims)}.`,
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

function isFiltered({ lane }: LaneRecord): boolean {
  return lane.variant['filter'] !== undefined
}

function formatReturned(answers: Iterable<Hits>, k: number): string {
  return `${formatNumber(countReturned(answers, k))} of ${k}`
}

function isShortOfWorkers(plan: { workersPlanned: number; workersLaunched: number } | undefined): boolean {
  return plan !== undefined && plan.workersLaunched < plan.workersPlanned
}

function isCold(buffers: { hit: number; read: number } | undefined): boolean {
  return buffers !== undefined && buffers.read > coldShare * (buffers.hit + buffers.read)
}

/** The median of the turns: one stall of a turn is not the client's doing. */
function useOfClient({ turns }: LaneRecord): number {
  return turns.length === 0 ? 0 : median(sortSamples(turns.map(({ clientUse }) => clientUse)))
}

function shareWaiting({ turns }: LaneRecord): number {
  const arrivals = turns.flatMap((turn) => turn.arrivals ?? [])
  const count = arrivals.reduce((sum, { lagsMs }) => sum + lagsMs.length, 0)
  return count === 0 ? 0 : arrivals.reduce((sum, { waiting }) => sum + waiting, 0) / count
}

/** Zero for a closed loop, which has no arrivals. */
function medianLag({ turns }: LaneRecord): number {
  const lags = turns.flatMap(({ arrivals }) => Array.from(arrivals?.lagsMs ?? []))
  return lags.length === 0 ? 0 : median(sortSamples(lags))
}

function medianTime({ turns }: LaneRecord): number {
  const times = turns.flatMap(({ times }) => Array.from(times))
  return times.length === 0 ? Number.POSITIVE_INFINITY : median(sortSamples(times))
}

function isConverted(vector: { type: string; encoding: string } | undefined): boolean {
  return vector !== undefined && (vector.encoding === 'text' || convertedType.test(vector.type))
}

function adviseOnStorage(dims: number): string {
  if (dims <= maxInlineDims) return 'compare with the rows storage=plain (ALTER TABLE ... SET STORAGE PLAIN)'
  if (dims <= maxInlineHalfDims) return 'halfvec holds so many dimensions in line'
  return 'so many dimensions do not fit in a page, so compare with rows whose vectors are out of line as well'
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
