import { type OptionValues, readFlag, readText } from '#src/cli/options/option-table.js'
import { parseChoice } from '#src/cli/options/option-values.js'
import type { Dataset } from '#src/datasets/dataset.js'
import { throwIfAborted } from '#src/errors.js'
import type { PreparedArm } from '#src/measure/arm.js'
import { Experiment } from '#src/measure/experiment.js'
import { closed } from '#src/measure/load/closed.js'
import { QueryCursor } from '#src/measure/load/query-cursor.js'
import type { Searcher } from '#src/paths/search-path.js'
import { encodeParameter, realArrayFormat } from '#src/paths/server/vector-codec.js'
import { formatNumber } from '#src/result/numbers.js'
import { Random } from '#src/stats/random.js'
import { mean, median, sortSamples } from '#src/stats/samples.js'
import { meanInterval } from '#src/stats/student-t.js'
import { createTarget, targetChoices } from '#src/targets/choose.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { type BenchmarkContext, type Measured, type Row, runBenchmark } from './benchmark.js'
import { alignColumns } from './text-table.js'

const k = 10
const seed = 1
/** Small, so that a search is not much longer than what is asked about. */
const dataset = 'synthetic-1000x100'

interface Plan {
  /** Each is a pair of turns, one through the harness and one without it, in an order that is drawn. */
  readonly blocks: number
  /** Of one turn. */
  readonly calls: number
}

const fullPlan: Plan = { blocks: 60, calls: 1000 }
const quickPlan: Plan = { blocks: 10, calls: 200 }
const warmUpCalls = 2000

/** The same work through the harness, and by hand. */
interface Comparison {
  readonly name: string
  readonly bareName: string
  readonly lane: Turns
  readonly bare: Turns
}

/** Resolves to the times of so many calls, in ms. */
type Turns = (calls: number, signal: AbortSignal) => Promise<ArrayLike<number>>

async function measure(context: BenchmarkContext): Promise<Measured> {
  const { options, signal, progress } = context
  const plan = readFlag(options, 'quick') ? quickPlan : fullPlan
  const target = await createTarget(readTarget(options), context)
  const experiment = await Experiment.open({ dataset, k, seed, threads: 1 }, context)
  const disposals: (() => Promise<void>)[] = [() => experiment.close().then(() => undefined)]
  try {
    const paths = [{ id: 'null' }, { id: 'addon-exact' }]
    const arm = await experiment.prepare({ name: 'harness', target, settings: {}, paths, threads: 1 })
    const comparisons = [
      await compareRoundTrips(arm, experiment.dataset, disposals),
      await compareSearches(arm, experiment.dataset, disposals),
    ]
    const rows: Row[] = []
    for (const [done, comparison] of comparisons.entries()) {
      progress.step('Measuring the harness', done, comparisons.length)
      rows.push(...(await compare(comparison, experiment.dataset.base.dims, plan, signal)))
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
    name: 'addon-exact, harness',
    bareName: 'VectorSet alone',
    lane,
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
  const added = medians.map((block) => block.lane - block.bare)
  const of = (side: 'lane' | 'bare') => mean(medians.map((block) => block[side]))
  return [
    { work: name, name: bareName, dims, ms: of('bare'), ratio: 1 },
    {
      ...{ work: name, name, dims, ms: of('lane'), ratio: of('bare') / of('lane') },
      addedMs: mean(added),
      addedMsCi95: meanInterval(added),
    },
  ]
}

async function timeTurn(turns: Turns, { calls }: Plan, signal: AbortSignal): Promise<number> {
  return median(sortSamples(await turns(calls, signal)))
}

function print({ rows }: Measured): readonly string[] {
  const microseconds = (ms: number) => `${ms < 0 ? '-' : ''}${formatNumber(Math.abs(ms) * 1000)}`
  const cells = rows.map(({ name, ms, addedMs, addedMsCi95 }) => [
    name,
    microseconds(ms),
    addedMs === undefined ? '' : microseconds(addedMs),
    addedMsCi95?.map(microseconds).join(' to ') ?? '',
  ])
  return alignColumns(['one call', 'p50 µs', 'added µs', '95 %'], cells, 1)
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
