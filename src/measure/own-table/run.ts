import { roundToHalves } from '../../datasets/readers/half-precision.js'
import { readVectors } from '../../datasets/readers/list.js'
import { invalidArgument, SimdgresError } from '../../errors.js'
import { ReadOnlyServer } from '../../paths/own-table/read-only.js'
import { listTableCorpora } from '../../paths/own-table/searches.js'
import { describeTable, type OwnTable, type TableName } from '../../paths/own-table/table.js'
import { explainTableError } from '../../paths/own-table/table-errors.js'
import type { Corpus, Searcher, Variant } from '../../paths/search-path.js'
import { fingerprintOf } from '../../result/fingerprint.js'
import type { SearchCost } from '../../result/row-studies.js'
import type { BenchResult } from '../../result/schema.js'
import { Random } from '../../stats/random.js'
import { mean } from '../../stats/samples.js'
import { createTarget } from '../../targets/choose.js'
import { measureReadBandwidth } from '../../vectors/capabilities.js'
import type { BenchOutcome } from '../bench.js'
import { readPowerSaving } from '../caveats/power-saving.js'
import { listWarnings } from '../caveats/warnings.js'
import { chooseVariants } from '../choose-variants.js'
import { describeMachine, describeServer } from '../environment.js'
import type { Control } from '../experiment.js'
import { explainFailure } from '../failure.js'
import type { Lane } from '../lane/lane.js'
import { type Loads, listLoads } from '../load/list-loads.js'
import type { Load } from '../load/load.js'
import { type Measured, measure } from '../measure.js'
import type { Profile } from '../profiles.js'
import { collectSamples } from '../raw-samples.js'
import { shuffledRounds } from '../schedule/shuffled-rounds.js'
import { measureCosts } from '../studies/costs.js'
import { compareLanes, summariseLane } from '../summarise.js'
import { fetchCorpus } from './fetched.js'
import { orderQueries, type TableSnapshot, takeSnapshot } from './snapshot.js'

export interface TableRequest extends TableName, Loads {
  readonly url: string
  readonly profile: Profile
  /** A file of vectors, or how many rows are taken as queries. */
  readonly queries: string | number
  readonly k: number
  readonly seed: number
  /** Threads of searches in this process, on a copy of the rows; missing: nothing is copied. */
  readonly fetchThreads?: number
}

/**
 * The table of the user, where it is and as it is: nothing is copied, created or changed, by sessions of read-only
 * transactions alone. Rejects as the other runs do, and with ERR_INVALID_ARGUMENT where an option does not fit the table.
 */
export async function runTableBench(request: TableRequest, control: Control): Promise<BenchOutcome> {
  const startedAt = new Date()
  const target = await createTarget('url', { ...control, url: request.url })
  const server = await ReadOnlyServer.open(await target.deploy({}), control.signal)
  const close: (() => Promise<void>)[] = [() => server.close()]
  try {
    const read = <T>(work: Promise<T>): Promise<T> =>
      work.catch((error: unknown) => {
        throw explainTableError(error, request)
      })
    const table = await read(describeTable(server.session, request))
    const queries = typeof request.queries === 'number' ? request.queries : await readQueries(request, table)
    const writesBefore = await countWrites(server, table)
    const snapshot = await read(
      takeSnapshot(server, {
        ...control,
        table,
        k: request.k,
        queries,
        seed: request.seed,
      }),
    )
    const { known, rows } = snapshot
    const { fetchThreads: threads, k } = request
    const corpora = listTableCorpora({
      ...{ server, table, known, k },
      query: snapshot.dataset.queries.data.subarray(0, table.dims),
    })
    if (threads !== undefined) {
      const fetched = await read(fetchCorpus(server, { ...control, table, known, rows, k, threads }))
      corpora.push(fetched)
      close.push(() => fetched.dispose())
    }
    const { lanes, notes } = await chooseLanes(corpora, snapshot, server, control, {
      hasSeveral: table.indexes.length > 1,
      loads: listLoads(request, request.seed),
    })
    const bandwidthBefore = await measureReadBandwidth()
    const measured = await measureLanes(lanes, snapshot, request, control)
    const readBandwidthGBps = mean([bandwidthBefore, await measureReadBandwidth()])
    const { queries: asked } = snapshot.dataset
    const { budgetMs } = request.profile
    const costs = measured.isComplete
      ? await measureCosts(measured.records, { ...control, queries: asked, budgetMs })
      : new Map<Lane, SearchCost>()
    const studies = new Map([...costs].map(([lane, cost]) => [lane, { cost }]))
    await snapshot.known.fetch(server.session)
    const wasWritten = (await countWrites(server, table)) !== writesBefore
    const context = { ...snapshot, random: new Random(request.seed, 3), readBandwidthGBps, studies }
    const machine = await describeMachine()
    const { records, isComplete } = measured
    const result: BenchResult = {
      schema: 'simdgres.bench/2',
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      isComplete,
      profile: request.profile.name,
      seed: request.seed,
      request: describeRequest(request, lanes),
      machine: { fingerprint: fingerprintOf(machine) },
      environment: { ...machine, ...(await describeServer(server)), target: 'url', readBandwidthGBps },
      dataset: describeTableData(snapshot, request.k),
      paths: blameWrites(wasWritten, table, () => records.map((record) => summariseLane(record, context))),
      comparisons: compareLanes(records),
      warnings: [
        ...table.notes,
        ...notes,
        ...(wasWritten ? [`Rows of ${table.relation} were written during the run: ${writtenHint}`] : []),
        ...listWarnings({ records, k: request.k, powerSaving: await readPowerSaving() }),
      ],
    }
    return { result, samples: collectSamples(records) }
  } finally {
    for (const end of close.reverse()) await end()
  }
}

const writtenHint = 'recalls are against the rows at its start. Run it at a quieter time, or on a replica.'

/** As the column has its values: the truth has to be that of the query which the server gets. */
async function readQueries({ queries }: TableRequest, { dims, relation, type }: OwnTable) {
  const matrix = await readVectors(String(queries))
  if (matrix.dims !== dims || matrix.rows === 0) {
    throw invalidArgument(
      '--queries',
      `vectors of ${dims} dimensions, as those of ${relation} are`,
      `${matrix.rows} of ${matrix.dims}`,
    )
  }
  if (type === 'halfvec') roundToHalves(matrix.data)
  const other = type === 'bit' ? matrix.data.find((value) => value !== 0 && value !== 1) : undefined
  if (other === undefined) return matrix
  throw invalidArgument('--queries', `zeros and ones, because ${relation} has bits`, other)
}

/** By what the server has counted; undefined for what it does not count, like views. */
async function countWrites({ session }: ReadOnlyServer, { relation }: OwnTable): Promise<string | undefined> {
  const [row] = await session.query<{ writes: string }>(
    'SELECT (n_tup_ins + n_tup_upd + n_tup_del)::text AS writes FROM pg_stat_all_tables WHERE relid = $1::regclass',
    [relation],
  )
  return row?.writes
}

/**
 * The steps of each index that are near round recalls, as far as the planner uses the index for them: where there are several,
 * it takes the cheaper, which the knob decides with.
 */
async function chooseLanes(
  corpora: readonly Corpus[],
  snapshot: TableSnapshot,
  server: ReadOnlyServer,
  control: Control,
  { hasSeveral, loads }: { readonly hasSeveral: boolean; readonly loads: readonly Load[] },
): Promise<{ lanes: Lane[]; notes: string[] }> {
  const lanes: Lane[] = []
  const notes: string[] = []
  for (const corpus of corpora) {
    const steps = corpus.ladders?.[0] ?? []
    const used = hasSeveral ? await findUsedSteps(corpus, steps) : steps.length
    const [first, ...others] = steps.slice(used)
    if (first !== undefined && used > 0) {
      notes.push(
        `The planner does not use ${nameParams(corpus.design)} at ${nameParams(first)}` +
          `${others.length > 0 ? ' and beyond' : ''}, so it is measured below that: of two indexes it takes the cheaper.`,
      )
    }
    // Recall is computed from vectors, and those of rows that were not seen before have to be fetched.
    const fetching: Corpus = {
      ...corpus,
      ...(corpus.ladders && used > 0 && { ladders: corpus.ladders.map((steps) => steps.slice(0, used)) }),
      open: async (variant) => fetchBehind(await corpus.open(variant), snapshot, server),
    }
    const variants: readonly Variant[] = await chooseVariants(fetching, { ...control, ...snapshot })
    for (const load of loads) {
      lanes.push(...variants.map((variant) => ({ arm: 'bench', corpus, variant, load })))
    }
  }
  return { lanes, notes }
}

const nameParams = (params: Variant) =>
  Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

/** How many steps of its ladder, from the first, are searched by the index. */
async function findUsedSteps(corpus: Corpus, steps: readonly Variant[]): Promise<number> {
  for (const [position, variant] of steps.entries()) {
    try {
      await (await corpus.open(variant)).close()
    } catch (error) {
      if (error instanceof SimdgresError && error.code === 'ERR_UNAVAILABLE') return position
      throw error
    }
  }
  return steps.length
}

function fetchBehind(searcher: Searcher, { known }: TableSnapshot, { session }: ReadOnlyServer): Searcher {
  return {
    settings: searcher.settings,
    async search(queries) {
      const hits = await searcher.search(queries)
      await known.fetch(session)
      return hits
    },
    explain: (query) => searcher.explain(query),
    close: () => searcher.close(),
  }
}

async function measureLanes(
  lanes: readonly Lane[],
  { dataset: { queries } }: TableSnapshot,
  { profile, seed }: TableRequest,
  control: Control,
): Promise<Measured> {
  const schedule = shuffledRounds({ ...profile, random: () => new Random(seed, 2) })
  return measure(lanes, schedule, {
    ...control,
    queries,
    order: orderQueries(queries.rows, seed),
    warmUpMs: profile.warmUpMs,
    explainFailure: (error) => explainFailure(error, { ...control, workspace: undefined }),
  })
}

/** A row that was written after the truth was found may be nearer than it: then the truth is old, and not wrong. */
function blameWrites<T>(wasWritten: boolean, { relation }: OwnTable, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const isDisproved = error instanceof SimdgresError && error.code === 'ERR_CHECK_FAILED'
    if (!wasWritten || !isDisproved) throw error
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `Rows of ${relation} were written during the run, and searches found some that are nearer than those of its start`,
      'Run it at a quieter time, or on a replica.',
    )
  }
}

function describeTableData({ dataset, rows }: TableSnapshot, k: number): BenchResult['dataset'] {
  const { name, metric, queries, sha256, base } = dataset
  return { name, synthetic: false, rows, dims: base.dims, metric, queries: queries.rows, k, sha256 }
}

function describeRequest(
  { profile, url, table, id, vector, where, k, seed, clients, rates, fetchThreads }: TableRequest,
  lanes: readonly Lane[],
): BenchResult['request'] {
  const { name, rounds, budgetMs, maxQueries, warmUpMs } = profile
  const parsed = new URL(url)
  parsed.password = ''
  return {
    profile: { name, rounds, budgetMs, maxQueries, warmUpMs },
    dataset: table,
    table: { id, ...(vector !== undefined && { vector }), ...(where !== undefined && { where }) },
    ...{ k, seed, threads: fetchThreads ?? 1, target: 'url', url: parsed.href, server: {} },
    ...(fetchThreads !== undefined && { fetch: true }),
    paths: [...new Set(lanes.map(({ corpus }) => corpus.path.id))],
    ...(clients && { clients: [...clients] }),
    ...(rates && { rates: [...rates] }),
  }
}
