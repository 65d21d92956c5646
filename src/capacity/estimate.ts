import { estimateSizes, recommendStorage } from '../config/vector-storage.js'
import { SimdgresError } from '../errors.js'
import type { CapacityEstimate, CapacityResult, GrowthRun } from '../result/capacity-schema.js'
import { formatNumber } from '../result/numbers.js'
import { type Expected, exactSearchPowers, fitGrowth, type Growth, linearPowers } from './fit.js'
import { quantileOf } from './quantile.js'

/** Of a node's memory, what the index may take: docker/postgres/tune.sh tells the planner of as much cache. */
const indexShare = 0.75
/** Above it a queue grows faster than what it adds. */
export const usedShare = 0.7
/** Above it the queue grows for as long as the load lasts: an interval that reaches so far says that the nodes do not suffice. */
const fullShare = 0.97
/** Another round trip, and the merging of the answers: within one data centre. */
export const fanOutMs = 0.5
/** Of waiting times that are spread exponentially, 95 % are below three times their mean. */
const waitTail = 3
const mostShards = 100_000

export type CapacityRequest = CapacityResult['request']
type Estimate = CapacityEstimate
type Side = keyof Expected

/** What one node does with so many rows. */
interface Laws {
  readonly mean: Growth
  readonly p50: Growth
  readonly p95: Growth
  readonly load: Growth
  readonly build: Growth
  readonly index: Growth
}

/** Queries that all processors together answer, in those of one processor by itself. */
function parallelOf({ points }: GrowthRun): number {
  // Of the largest set, whose searches share the memory's bandwidth as those of larger ones do.
  const { qps } = points.at(-1)!
  return Math.min(1, qps.all / qps.one / qps.clients)
}

export function fitLaws(growth: GrowthRun): Laws {
  const { points, recall } = growth
  const grow = (field: 'meanMs' | 'p50Ms' | 'p95Ms' | 'loadMs' | 'buildMs' | 'indexBytes', law: Law) =>
    fitGrowth(
      points.map((point) => ({ rows: point.rows, value: point[field] })),
      law,
    )
  type Law = readonly number[] | 'one'
  const search = recall === 1 ? exactSearchPowers : 'one'
  return {
    mean: grow('meanMs', search),
    p50: grow('p50Ms', search),
    p95: grow('p95Ms', search),
    load: grow('loadMs', linearPowers),
    build: grow('buildMs', recall === 1 ? linearPowers : 'one'),
    index: grow('indexBytes', linearPowers),
  }
}

/** A number of nodes, and what they do, on one side of the interval of every law. */
interface Layout {
  readonly shards: number
  readonly copies: number
  readonly bound: Estimate['bound']
  readonly p50Ms: number
  readonly p95Ms: number
  readonly qps: number
}

/**
 * The fewest nodes that hold the rows and answer as is asked for.
 * @throws ERR_INVALID_ARGUMENT where no number of nodes answers as fast.
 */
export function estimateCapacity(growth: GrowthRun, request: CapacityRequest): Estimate {
  const laws = fitLaws(growth)
  const parallel = parallelOf(growth)
  const layouts = {
    low: chooseLayout(laws, request, parallel, 'low'),
    middle: chooseLayout(laws, request, parallel, 'middle'),
    high: chooseLayout(laws, request, parallel, 'high'),
  }
  const { shards, copies, bound } = layouts.middle
  const rowsPerNode = request.rows / shards
  const sizes = estimateSizes(rowsPerNode, growth.dims)
  const index = laws.index.at(rowsPerNode)
  // What the same nodes would do if the laws were those of either side.
  const same = (side: Side): Layout => describe(laws, request, parallel, side, shards, copies)
  const sides = { low: same('low'), middle: same('middle'), high: same('high') }
  const over = (read: (layout: Layout) => number): Expected => ({
    low: Math.min(read(sides.low), read(sides.high)),
    middle: read(sides.middle),
    high: Math.max(read(sides.low), read(sides.high)),
  })
  const count = ({ shards: parts, copies: each }: Layout): number => parts * each
  return {
    nodes: { low: count(layouts.low), middle: count(layouts.middle), high: count(layouts.high) },
    shards,
    copies,
    bound,
    rowsPerNode,
    memoryBytes: mapExpected(index, (bytes) => bytes / indexShare),
    diskBytes: recommendStorage({ table: sizes.table, index: index.high }),
    loadMs: laws.load.at(rowsPerNode),
    buildMs: laws.build.at(rowsPerNode),
    p50Ms: over(({ p50Ms }) => p50Ms),
    p95Ms: over(({ p95Ms }) => p95Ms),
    qps: over(({ qps }) => qps),
    beyond: rowsPerNode / growth.points.at(-1)!.rows,
  }
}

const mapExpected = ({ low, middle, high }: Expected, change: (value: number) => number): Expected => ({
  low: change(low),
  middle: change(middle),
  high: change(high),
})

function chooseLayout(laws: Laws, request: CapacityRequest, parallel: number, side: Side): Layout {
  const fits = (parts: number) =>
    laws.index.at(request.rows / parts)[side] <= indexShare * request.memoryBytes
  const least = findLeast(fits)
  let best: Layout | undefined
  let fastest = Number.POSITIVE_INFINITY
  for (
    let shards = least;
    shards <= Math.min(mostShards, (best?.shards ?? 1) * (best?.copies ?? mostShards));
    // In steps of half a per cent.
    shards += Math.ceil((shards + 1) / 200)
  ) {
    const found = addCopies(laws, request, parallel, side, shards)
    fastest = Math.min(fastest, found.p95Ms)
    const isEnough = request.p95Ms === undefined || found.p95Ms <= request.p95Ms
    if (isEnough && (best === undefined || found.shards * found.copies < best.shards * best.copies)) {
      const bound =
        shards > least
          ? request.p95Ms === undefined
            ? 'throughput'
            : 'latency'
          : least > 1
            ? 'memory'
            : found.copies > 1
              ? 'throughput'
              : 'one'
      best = { ...found, bound }
    }
    // Fewer rows for each would be slower for the fan-out.
    if (best === undefined && found.p95Ms > 2 * fastest) break
  }
  if (best !== undefined) return best
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `No number of nodes answers 95 % of the searches within ${formatNumber(request.p95Ms ?? 0)} ms: at best ${formatNumber(fastest)} ms`,
    'Ask for a longer --p95, fewer --rows, or a --recall below exact.',
  )
}

/** The smallest number of parts for which it holds; it holds for all larger ones. */
function findLeast(holds: (parts: number) => boolean): number {
  let high = 1
  while (!holds(high)) {
    high *= 2
    if (high > mostShards) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `More than ${mostShards} nodes would be needed to hold the index`,
        'Give the nodes more --memory, or ask for fewer --rows.',
      )
    }
  }
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle
  }
  return high
}

/** As many copies as the rate needs, and more where the queue makes searches too slow. */
function addCopies(
  laws: Laws,
  request: CapacityRequest,
  parallel: number,
  side: Side,
  shards: number,
): Layout {
  const { qps, p95Ms } = request
  const alone = describe(laws, { ...request, qps: undefined }, parallel, side, shards, 1)
  if (qps === undefined) return alone
  let copies = Math.max(1, Math.ceil(qps / alone.qps))
  let found = describe(laws, request, parallel, side, shards, copies)
  // Without a queue it is too slow already: copies do not help.
  if (p95Ms === undefined || alone.p95Ms > p95Ms) return found
  while (found.p95Ms > p95Ms && copies < mostShards) {
    copies = Math.ceil(copies * 1.1)
    found = describe(laws, request, parallel, side, shards, copies)
  }
  return found
}

function describe(
  laws: Laws,
  request: Pick<CapacityRequest, 'rows' | 'cpus'> & { readonly qps?: number | undefined },
  parallel: number,
  side: Side,
  shards: number,
  copies: number,
): Layout {
  const rows = request.rows / shards
  const [mean, p50, p95] = [laws.mean, laws.p50, laws.p95].map((law) => law.at(rows)[side]) as [
    number,
    number,
    number,
  ]
  // Searches of one node per ms, when all of its processors work.
  const most = (request.cpus * parallel) / mean
  const load = request.qps === undefined ? 0 : request.qps / 1000 / copies / most
  const wait = waitOf(load, request.cpus, mean / parallel)
  // A search is as slow as the slowest of its shards; the times of one are taken to be lognormal.
  const spread = Math.log(Math.max(1, p95 / p50)) / quantileOf(0.95)
  const slowest = (share: number) => p50 * Math.exp(spread * quantileOf(share ** (1 / shards)))
  const extra = shards > 1 ? fanOutMs : 0
  return {
    shards,
    copies,
    bound: 'one',
    p50Ms: slowest(0.5) + extra + wait,
    p95Ms: slowest(0.95) + extra + waitTail * wait,
    qps: usedShare * most * copies * 1000,
  }
}

/** Mean time in the queue of so many processors that are busy for a share `load` of the time (Sakasegawa, 1977). */
function waitOf(load: number, cpus: number, serviceMs: number): number {
  if (load <= 0) return 0
  const share = Math.min(load, fullShare)
  return (serviceMs * share ** (Math.sqrt(2 * (cpus + 1)) - 1)) / (cpus * (1 - share))
}
