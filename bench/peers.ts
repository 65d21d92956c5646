import { readFlag, readText } from '#src/cli/options/option-table.js'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Dataset, GroundTruth } from '#src/datasets/dataset.js'
import { groundTruth } from '#src/datasets/ground-truth.js'
import { invalidArgument, SimdgresError, throwIfAborted } from '#src/errors.js'
import { queryRecall } from '#src/measure/recall.js'
import { formatNumber, formatRecall } from '#src/result/numbers.js'
import { pairedRatio } from '#src/stats/paired-ratio.js'
import { Random, shuffledIndexes } from '#src/stats/random.js'
import { mean, median, sortSamples } from '#src/stats/samples.js'
import { measureReadBandwidth } from '#src/vectors/capabilities.js'
import { type BenchmarkContext, type Measured, type Row, runBenchmark } from './benchmark.js'
import { type Faiss, openFaiss } from './peers/faiss.js'
import { openHnswlib } from './peers/hnswlib.js'
import { installPeers, lastLine } from './peers/install.js'
import { openJavaScript } from './peers/javascript.js'
import type { Answer, Peer, PeerData, PeerMetric } from './peers/peer.js'
import { openPlainRead, plainRead } from './peers/plain-read.js'
import { openSimdgres, openSimdgresAsync, openSimdgresLevels } from './peers/simdgres.js'
import { openSimsimd } from './peers/simsimd.js'
import { openUsearch } from './peers/usearch.js'
import { alignColumns } from './text-table.js'

const k = 10
const seed = 1
const batchSize = 100
/** By which a setting of approximate search is chosen: the last ones, which no round asks for. */
const sampledQueries = 100

/** A kind of work: how many queries one call answers, and who can do it. */
interface Work {
  readonly name: string
  readonly queryCount: number
  readonly rounds: number
  readonly open: readonly ((data: PeerData, require: NodeJS.Require) => Peer)[]
}

/** The first is what the others are compared with. */
const works = (isQuick: boolean): readonly Work[] => [
  {
    name: 'one query',
    queryCount: 1,
    rounds: isQuick ? 10 : 40,
    open: [
      openSimdgres,
      openSimdgresLevels,
      openPlainRead,
      openSimdgresAsync,
      openUsearch,
      openHnswlib,
      openSimsimd,
      openJavaScript,
    ],
  },
  {
    name: `batch of ${batchSize}`,
    queryCount: batchSize,
    rounds: isQuick ? 3 : 8,
    open: [openSimdgres, openSimdgresLevels, openUsearch],
  },
]

async function measure(context: BenchmarkContext): Promise<Measured> {
  const { progress, signal } = context
  const isQuick = readFlag(context.options, 'quick')
  const name = readText(context.options, 'dataset') ?? 'glove-100'
  const dataset = await loadDataset(name, { progress, signal, queries: 1000, seed })
  const truth = await groundTruth(dataset, k, { progress, signal, threads: 1 })
  const require = await installPeers(progress, signal)
  const data = copyRows(dataset)
  const rows: Row[] = []
  /** Of one thread, before and after the rounds of one query, because the machine drifts. */
  const bandwidths: number[] = []
  const unavailable: Failure[] = []
  const faiss = await openFaissIfPossible(data, dataset, context, unavailable)
  try {
    for (const work of works(isQuick)) {
      const { peers, failures } = openPeers(work, data, require)
      try {
        // Not between rounds: it takes 512 MiB and gives it back, which is no part of what is compared.
        if (isOneRead(work)) bandwidths.push(await measureReadBandwidth())
        rows.push(
          ...(await measureWork(work, [...peers, ...(faiss?.peers ?? [])], { dataset, truth, context })),
        )
        if (isOneRead(work)) bandwidths.push(await measureReadBandwidth())
      } finally {
        for (const peer of peers) peer.close?.()
      }
      unavailable.push(...failures)
    }
  } finally {
    await faiss?.close()
  }
  const { base, sha256, metric } = dataset
  const read = rows.find(({ name }) => name === plainRead)!
  return {
    rows,
    ratios: Object.fromEntries(
      rows.map(({ work }) => [work, 'time of simdgres searchSync: 2 means that simdgres is twice as fast']),
    ),
    dataset: { name: dataset.name, rows: base.rows, dims: base.dims, metric, sha256 },
    k,
    threads: 1,
    unavailable,
    ...(faiss && { faiss: faiss.facts }),
    readRatio: read.ratio,
    readRatioCi95: read.ratioCi95,
    bandwidthRatio: rows[0]!.gbps! / mean(bandwidths),
  }
}

/** One query reads each vector once; how often a batch does is a library's own business. */
const isOneRead = ({ queryCount }: Work): boolean => queryCount === 1

/** @throws ERR_INVALID_ARGUMENT for a metric that some of them do not have. */
function copyRows({ name, base, metric }: Dataset): PeerData {
  if (metric !== 'cosine' && metric !== 'l2') {
    throw invalidArgument('--dataset', 'one that is searched by cosine or l2', `${name} (${metric})`)
  }
  const { data, rows, dims } = base
  return { base: data.slice(), rows, dims, metric: metric satisfies PeerMetric, k }
}

/** In a container, so it needs an engine; without one the others are compared. */
async function openFaissIfPossible(
  data: PeerData,
  { queries }: Dataset,
  { progress, signal }: BenchmarkContext,
  unavailable: Failure[],
): Promise<Faiss | undefined> {
  try {
    return await openFaiss(data, queries.data.subarray(-sampledQueries * data.dims), progress, signal)
  } catch (error) {
    throwIfAborted(signal)
    unavailable.push({ name: 'FAISS', reason: lastLine(error) })
    return undefined
  }
}

/** A library that does not load is reported; ours must load. */
function openPeers(work: Work, data: PeerData, require: NodeJS.Require) {
  const peers: Peer[] = []
  const failures: Failure[] = []
  for (const open of work.open) {
    try {
      peers.push(open(data, require))
    } catch (error) {
      if (error instanceof SimdgresError) throw error
      failures.push({ name: open.name.replace('open', ''), reason: lastLine(error) })
    }
  }
  return { peers, failures }
}

interface Failure {
  readonly name: string
  readonly reason: string
}

interface Measuring {
  readonly dataset: Dataset
  readonly truth: GroundTruth
  readonly context: BenchmarkContext
}

/** Rounds in which every library answers the same queries, in shuffled order: what disturbs one disturbs all. */
async function measureWork(
  work: Work,
  peers: readonly Peer[],
  { dataset, truth, context: { progress, signal } }: Measuring,
): Promise<Row[]> {
  const random = new Random(seed)
  const times = peers.map((): number[] => [])
  const recalls = peers.map((): number[] => [])
  const bytes = peers.map((): number[] => [])
  const { dims } = dataset.base
  // The first round warms up and is not counted.
  for (let round = -1; round < work.rounds; round++) {
    progress.step(`Comparing libraries, ${work.name}`, round + 1, work.rounds + 1)
    const first = ((round + 1) * work.queryCount) % (dataset.queries.rows - work.queryCount + 1)
    const queries = dataset.queries.data.slice(first * dims, (first + work.queryCount) * dims)
    for (const at of shuffledIndexes(peers.length, random)) {
      throwIfAborted(signal)
      const start = performance.now()
      const answer = await peers[at]!.search(queries, work.queryCount)
      const elapsedMs = answer.ms ?? performance.now() - start
      if (round < 0) continue
      times[at]!.push(elapsedMs)
      recalls[at]!.push(...recallOf(answer, first, dataset, truth))
      if (answer.bytes !== undefined) bytes[at]!.push(answer.bytes / work.queryCount)
    }
  }
  const [ours, ...others] = times.map((samples) => samples.map((ms) => [ms]))
  const ratios = [ours!, ...others].map((theirs) => pairedRatio(theirs, ours!))
  return peers.map((peer, at) => ({
    work: work.name,
    name: peer.name,
    dims,
    ms: median(sortSamples(times[at]!)),
    // As if it had read all of them; what reads less exceeds the machine's bandwidth.
    ...(isOneRead(work) && {
      gbps: dataset.base.data.byteLength / median(sortSamples(times[at]!)) / 1e6,
    }),
    ...(bytes[at]!.length > 0 && { readShare: mean(bytes[at]!) / dataset.base.data.byteLength }),
    ...(recalls[at]!.length > 0 && { recall: mean(recalls[at]!) }),
    ratio: ratios[at]!.value,
    ratioCi95: ratios[at]!.ci95,
  }))
}

function recallOf({ found }: Answer, first: number, dataset: Dataset, truth: GroundTruth): number[] {
  return found.map((ids, i) => queryRecall(dataset, truth, first + i, Uint32Array.from(ids)))
}

function print(measured: Measured): readonly string[] {
  const header = ['work', 'library', 'ms', 'GB/s', 'read', 'recall', 'times simdgres', '95 %']
  const cells = measured.rows.map(({ work, name, ms, gbps, readShare, recall, ratio, ratioCi95 }) => [
    work,
    name,
    formatNumber(ms),
    gbps === undefined ? '' : formatNumber(gbps),
    readShare === undefined ? '' : `${formatNumber(readShare * 100)} %`,
    recall === undefined ? '' : formatRecall(recall),
    formatNumber(ratio),
    `${formatNumber(ratioCi95![0])} to ${formatNumber(ratioCi95![1])}`,
  ])
  const missing = measured['unavailable'] as readonly Failure[]
  return [
    ...alignColumns(header, cells, 2),
    ...missing.map(({ name, reason }) => `${name}: unavailable (${reason})`),
    describeRead(measured),
  ]
}

/** Beside both: a read in the same rounds, and the fastest of several before and after them. */
function describeRead(measured: Measured): string {
  const ratio = formatNumber(measured['readRatio'] as number)
  const [low, high] = (measured['readRatioCi95'] as readonly [number, number]).map(formatNumber)
  const ofFastest = formatNumber(measured['bandwidthRatio'] as number)
  return (
    `simdgres looks at one query's rows at ${ratio} (${low} to ${high}) of the speed of a plain read of as many bytes, ` +
    `${ofFastest} of the read bandwidth of one thread (the fastest of 7 passes over 512 MiB, before and after the rounds)`
  )
}

await runBenchmark({
  command: 'npm run bench:peers --',
  schema: 'simdgres.peers/1',
  summary:
    'Search over real vectors in one thread: simdgres beside other libraries for Node, and FAISS in a container.',
  options: [
    { name: 'dataset', value: 'NAME', summary: 'glove-100 (default), mnist-784, wordnet-512 or a file' },
  ],
  measure,
  print,
})
