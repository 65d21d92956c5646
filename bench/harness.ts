import { type OptionValues, readFlag, readText } from '#src/cli/options/option-table.js'
import { parseChoice } from '#src/cli/options/option-values.js'
import type { Dataset } from '#src/datasets/dataset.js'
import { throwIfAborted } from '#src/errors.js'
import type { PreparedArm } from '#src/measure/arm.js'
import { prepareCorpora } from '#src/measure/corpora.js'
import { Experiment } from '#src/measure/experiment.js'
import { closed } from '#src/measure/load/closed.js'
import { QueryCursor } from '#src/measure/load/query-cursor.js'
import type { Searcher } from '#src/paths/search-path.js'
import { encodeParameter, realArrayFormat } from '#src/paths/server/vector-codec.js'
import { formatNumber } from '#src/result/numbers.js'
import { medianInterval } from '#src/stats/median-interval.js'
import { Random } from '#src/stats/random.js'
import { median, sortSamples } from '#src/stats/samples.js'
import { createTarget, targetChoices } from '#src/targets/choose.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { type BenchmarkContext, type Measured, type Row, runBenchmark } from './benchmark.js'
import { alignColumns } from './text-table.js'

const k = 10
const seed = 1
/** Small, so that a search is hardly longer than the way to its thread and back. */
const dataset = 'synthetic-100x8'

interface Plan {
  /** Each is a pair of turns, one through the harness and one without it, in an order that is drawn. */
  readonly blocks: number
  /** Of one turn. */
  readonly calls: number
}

/**
 * The machine is another one from second to second, and hardly within a few calls: many short blocks tell tens of nanoseconds
 * apart in calls of microseconds.
 */
const plans = {
  roundTrip: { full: { blocks: 2000, calls: 20 }, quick: { blocks: 100, calls: 20 } },
  search: { full: { blocks: 20_000, calls: 20 }, quick: { blocks: 500, calls: 20 } },
  nothing: { full: { blocks: 4000, calls: 200 }, quick: { blocks: 200, calls: 200 } },
} as const satisfies Record<string, { full: Plan; quick: Plan }>
const warmUpCalls = 2000

/** The same work through the harness, and by hand. */
interface Comparison {
  readonly name: string
  readonly bareName: string
  readonly lane: Turns
  readonly bare: Turns
  readonly plans: { readonly full: Plan; readonly quick: Plan }
}

/** Resolves to the times of so many calls, in ms. */
type Turns = (calls: number, signal: AbortSignal) => Promise<ArrayLike<number>>

async function measure(context: BenchmarkContext): Promise<Measured> {
  const { options, signal, progress } = context
  const size = readFlag(options, 'quick') ? 'quick' : 'full'
  const target = await createTarget(readTarget(options), context)
  const experiment = await Experiment.open({ dataset, k, seed, threads: 1 }, context)
  const disposals: (() => Promise<void>)[] = [() => experiment.close().then(() => undefined)]
  try {
    const paths = [{ id: 'null' }, { id: 'addon-exact' }]
    const arm = await experiment.prepare({ name: 'harness', target, settings: {}, paths, threads: 1 })
    const comparisons = [
      await compareRoundTrips(arm, experiment.dataset, disposals),
      await compareSearches(arm, experiment.dataset, disposals),
      await compareNothing(experiment.dataset, context),
    ]
    const rows: Row[] = []
    for (const [done, comparison] of comparisons.entries()) {
      progress.step('Measuring the harness', done, comparisons.length)
      rows.push(...(await compare(comparison, experiment.dataset.base.dims, comparison.plans[size], signal)))
    }
    return { rows, ratios: Object.fromEntries(comparisons.map(({ name, bareName }) => [name, bareName])) }
  } finally {
    for (const dispose of disposals.reverse()) await dispose()
  }
}

function readTarget(options: OptionValues) {
  return parseChoice('--target', readText(options, 'target') ?? 'auto', targetChoices)
}

async function openLane(
  { corpora }: PreparedArm,
  path: string,
  { queries }: Dataset,
  disposals: (() => Promise<void>)[],
): Promise<Turns> {
  const corpus = corpora.find((found) => found.path.id === path)!
  const searcher: Searcher = await corpus.open(corpus.variants()[0]!)
  disposals.push(() => searcher.close())
  return searchLane(searcher, queries)
}

function searchLane(searcher: Searcher, queries: Dataset['queries']): Turns {
  const load = closed(1)
  const cursor = new QueryCursor(
    queries,
    Uint32Array.from({ length: queries.rows }, (_, i) => i),
    1,
  )
  return async (calls, signal) => {
    let left = calls
    const turn = { calls, next: () => (left-- > 0 ? cursor.next() : undefined) }
    return (await load.run(async () => searcher, turn, signal)).times
  }
}

async function compareRoundTrips(
  arm: PreparedArm,
  data: Dataset,
  disposals: (() => Promise<void>)[],
): Promise<Comparison> {
  const lane = await openLane(arm, 'null', data, disposals)
  const session = await arm.workspace!.connect({ settings: { plan_cache_mode: 'force_generic_plan' } })
  disposals.push(() => session.close())
  const { client } = session
  const text = `SELECT id FROM generate_series(0, ${k - 1}) AS id WHERE $1::real[] IS NOT NULL`
  const parameters = rowsOf(data).map((row) => encodeParameter(realArrayFormat, row))
  return {
    plans: plans.roundTrip,
    name: 'null path, harness',
    bareName: 'node-postgres alone',
    lane,
    bare: timeCalls((i) =>
      client.query({ name: 'bare', text, values: [parameters[i % parameters.length]], rowMode: 'array' }),
    ),
  }
}

async function compareSearches(
  arm: PreparedArm,
  data: Dataset,
  disposals: (() => Promise<void>)[],
): Promise<Comparison> {
  const lane = await openLane(arm, 'addon-exact', data, disposals)
  const { base, metric } = data
  const set = VectorSet.from(base.data, { dims: base.dims, metric })
  disposals.push(async () => set.close())
  const rows = rowsOf(data)
  return {
    plans: plans.search,
    name: 'addon-exact, harness',
    bareName: 'VectorSet alone',
    lane,
    bare: timeCalls((i) => set.search(rows[i % rows.length]!, { k, threads: 1 })),
  }
}

/**
 * The path of the addon over a set that answers at once: what the harness's own code takes, of which the way to a thread and back
 * hides tens of nanoseconds.
 */
async function compareNothing(data: Dataset, { progress, signal }: BenchmarkContext): Promise<Comparison> {
  const found = { ids: new Uint32Array(k) }
  const set = { search: async (_queries: Float32Array, _options: object) => found, close: () => undefined }
  const library = { VectorSet: { from: () => set }, capabilities: () => undefined }
  const context = { dataset: data, k, threads: 1, library, progress, signal }
  const { corpora } = await prepareCorpora([{ id: 'addon-exact' }], context)
  const [corpus] = corpora
  const rows = rowsOf(data)
  return {
    plans: plans.nothing,
    name: 'addon-exact, no search',
    bareName: 'a promise alone',
    lane: searchLane(await corpus!.open({ threads: 1 }), data.queries),
    bare: timeCalls((i) => set.search(rows[i % rows.length]!, { k, threads: 1 })),
  }
}

const rowsOf = ({ queries: { data, dims, rows } }: Dataset): Float32Array[] =>
  Array.from({ length: rows }, (_, row) => data.subarray(row * dims, (row + 1) * dims))

function timeCalls(call: (i: number) => Promise<unknown>): Turns {
  let next = 0
  return async (calls, signal) => {
    const times = new Float64Array(calls)
    for (let i = 0; i < calls; i++) {
      throwIfAborted(signal)
      const start = performance.now()
      await call(next++)
      times[i] = performance.now() - start
    }
    return times
  }
}

/** The row of the harness holds what it adds to a call; that of the bare call is what it adds it to. */
async function compare(
  { name, bareName, lane, bare }: Comparison,
  dims: number,
  plan: Plan,
  signal: AbortSignal,
): Promise<Row[]> {
  for (const turns of [lane, bare]) await turns(warmUpCalls, signal)
  const random = new Random(seed)
  const medians: { lane: number; bare: number }[] = []
  for (let block = 0; block < plan.blocks; block++) {
    const laneFirst = random.below(2) === 0
    const first = await timeTurn(laneFirst ? lane : bare, plan, signal)
    const second = await timeTurn(laneFirst ? bare : lane, plan, signal)
    medians.push(laneFirst ? { lane: first, bare: second } : { lane: second, bare: first })
  }
  const added = medianInterval(medians.map((block) => block.lane - block.bare))
  const of = (side: 'lane' | 'bare') => median(sortSamples(medians.map((block) => block[side])))
  return [
    { work: name, name: bareName, dims, ms: of('bare'), ratio: 1 },
    {
      ...{ work: name, name, dims, ms: of('lane'), ratio: of('bare') / of('lane') },
      addedMs: added.value,
      addedMsCi95: added.ci95,
    },
  ]
}

async function timeTurn(turns: Turns, { calls }: Plan, signal: AbortSignal): Promise<number> {
  return median(sortSamples(await turns(calls, signal)))
}

function print({ rows }: Measured): readonly string[] {
  const microseconds = (ms: number) => formatNumber(ms * 1000)
  const nanoseconds = (ms: number) => String(Math.round(ms * 1e6))
  const cells = rows.map(({ name, ms, addedMs, addedMsCi95 }) => [
    name,
    microseconds(ms),
    addedMs === undefined ? '' : nanoseconds(addedMs),
    addedMsCi95?.map(nanoseconds).join(' to ') ?? '',
  ])
  return alignColumns(['one call', 'p50 µs', 'added ns', '95 %'], cells, 1)
}

await runBenchmark({
  command: 'npm run bench:harness --',
  schema: 'simdgres.harness/1',
  summary:
    'Times what the harness adds to a call: a round trip beside node-postgres alone, and a search beside the addon alone.',
  options: [
    {
      name: 'target',
      value: 'TARGET',
      summary: `where the server runs: ${targetChoices.slice(0, 3).join(', ')}`,
    },
  ],
  measure,
  print,
})
