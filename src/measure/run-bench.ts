import { checkDatasetName, loadDataset } from '../datasets/catalogue.js'
import type { Dataset, GroundTruth } from '../datasets/dataset.js'
import { groundTruth } from '../datasets/ground-truth.js'
import { SimdgresError } from '../errors.js'
import { needServer } from '../paths/registry.js'
import type { PathId } from '../paths/search-path.js'
import { Workspace } from '../paths/server/workspace.js'
import type { Progress } from '../progress.js'
import { formatBytes } from '../report/numbers.js'
import type { BenchResult, Environment } from '../result/schema.js'
import { Random, shuffledIndexes } from '../stats/random.js'
import { median, sortSamples } from '../stats/samples.js'
import { createTarget, type TargetChoice } from '../targets/choose.js'
import type { DeploySettings, Target } from '../targets/target.js'
import { measureReadBandwidth } from '../vectors/capabilities.js'
import type { Metric } from '../vectors/metric.js'
import { describeMachine, describeServer, type ServerEnvironment } from './environment.js'
import { type Lane, nameLane } from './lane.js'
import { type PreparedPaths, preparePaths } from './prepare-paths.js'
import type { Profile } from './profiles.js'
import { QueryCursor } from './query-cursor.js'
import { collectSamples, type RawSamples } from './raw-samples.js'
import { measureRounds } from './rounds.js'
import { compareLanes, summariseLane, warnOfNoise } from './summarise.js'
import { warmUp } from './warm-up.js'

export interface BenchRequest {
  readonly profile: Profile
  readonly dataset: string
  readonly rows?: number
  /** Of files, whose metric nobody else knows. */
  readonly metric?: Metric
  /** Left to the data set if missing. */
  readonly queries?: number
  readonly k: number
  readonly seed: number
  readonly paths: readonly PathId[]
  readonly threads: number
  readonly target: TargetChoice
  readonly url?: string
  readonly settings: DeploySettings
}

export interface BenchControl {
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface BenchOutcome {
  readonly result: BenchResult
  readonly samples: RawSamples
}

/** Streams of random numbers that must not depend on each other. */
const streams = { order: 1, rounds: 2, bootstrap: 3 }

/** The whole run: data, server, paths, measurements. Whatever happens, nothing it started is left behind. */
export async function runBench(request: BenchRequest, control: BenchControl): Promise<BenchOutcome> {
  const startedAt = new Date()
  checkDatasetName(request.dataset)
  // Before the data set, so that a target that cannot be is told before anything is downloaded.
  const target = await chooseTarget(request, control)
  const dataset = await loadDataset(request.dataset, {
    ...control,
    maxRows: request.rows,
    queries: request.queries,
    seed: request.seed,
    metric: request.metric,
  })
  const truth = await groundTruth(dataset, request.k, { ...control, threads: request.threads })
  const leftovers: string[] = []
  const measured = await withServer(target, request, control, leftovers, (workspace) =>
    measurePaths({ request, control, dataset, truth, workspace, target }),
  )
  const result: BenchResult = {
    schema: 'simdgres.bench/1',
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    profile: request.profile.name,
    seed: request.seed,
    environment: measured.environment,
    dataset: {
      name: dataset.name,
      synthetic: dataset.synthetic,
      rows: dataset.base.rows,
      dims: dataset.base.dims,
      metric: dataset.metric,
      queries: dataset.queries.rows,
      k: request.k,
      sha256: dataset.sha256,
    },
    paths: measured.paths,
    comparisons: measured.comparisons,
    ...(measured.server && { server: measured.server }),
    warnings: [...measured.warnings, ...leftovers],
  }
  return { result, samples: measured.samples }
}

/** ERR_CHECK_FAILED if a path that promises exact results missed a neighbour; for after the result is written. */
export function checkPromises(result: BenchResult): void {
  const broken = result.paths.filter(
    (row) => row.status === 'ok' && row.exact && row.recall !== undefined && row.recall.mean !== 1,
  )
  if (broken.length === 0) return
  const names = broken.map((row) => `${row.id} ${JSON.stringify(row.params)}`).join(', ')
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `Exact paths missed neighbours: ${names}`,
    'Compare the rows of the result; SIMDGRES_ISA=scalar shows whether a kernel is at fault.',
  )
}

/** Undefined where no path needs a server. */
async function chooseTarget(request: BenchRequest, control: BenchControl): Promise<Target | undefined> {
  if (!needServer(request.paths)) return undefined
  return createTarget(request.target, { ...control, ...(request.url !== undefined && { url: request.url }) })
}

/** @param leftovers receives what could not be cleaned up: a run of many minutes is not lost to that. */
async function withServer<T>(
  target: Target | undefined,
  request: BenchRequest,
  { progress, signal }: BenchControl,
  leftovers: string[],
  work: (workspace: Workspace | undefined) => Promise<T>,
): Promise<T> {
  if (target === undefined) return work(undefined)
  const cleanUp = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step()
    } catch (error) {
      const problem = `Cleaning up failed: ${error instanceof Error ? error.message : String(error)}`
      leftovers.push(problem)
      progress.note(problem)
    }
  }
  try {
    const connection = await target.deploy(request.settings)
    const workspace = await Workspace.open({
      connection,
      progress,
      signal,
      mayCreateExtensions: target.id !== 'url',
    })
    try {
      return await work(workspace)
    } finally {
      await cleanUp(() => workspace.close())
    }
  } finally {
    await cleanUp(() => target.stop())
  }
}

interface MeasureTask {
  readonly request: BenchRequest
  readonly control: BenchControl
  readonly dataset: Dataset
  readonly truth: GroundTruth
  readonly workspace: Workspace | undefined
  readonly target: Target | undefined
}

interface Measured extends Pick<BenchResult, 'paths' | 'comparisons' | 'warnings' | 'server'> {
  readonly environment: Environment
  readonly samples: RawSamples
}

async function measurePaths(task: MeasureTask): Promise<Measured> {
  const { request, control, dataset, workspace } = task
  const { progress, signal } = control
  const order = shuffledIndexes(dataset.queries.rows, new Random(request.seed, streams.order))
  const prepared = await preparePaths(request.paths, {
    dataset,
    k: request.k,
    progress,
    signal,
    threads: request.threads,
    ...(workspace !== undefined && { workspace }),
    ...(task.target !== undefined && { target: task.target.id }),
  })
  try {
    const lanes = prepared.lanesOver(order)
    const warnings = [...(await warnOfCacheSize(workspace)), ...(await warmUpLanes(lanes, order, task))]
    // Once per round, so that a machine whose speed drifts drifts for both sides of the ratio.
    const bandwidths: number[] = []
    await measureRounds(lanes, {
      ...request.profile,
      random: new Random(request.seed, streams.rounds),
      progress,
      signal,
      beforeRound: async () => {
        // Where the engine keeps no peak, it is the highest of these.
        await task.target?.stats()
        bandwidths.push(await measureReadBandwidth())
      },
    })
    return await summarise(prepared, lanes, {
      ...task,
      warnings,
      readBandwidthGBps: median(sortSamples(bandwidths)),
    })
  } finally {
    await prepared.dispose()
  }
}

/** All tables and indexes are read into shared buffers when they are made; the first do not stay where they do not fit. */
async function warnOfCacheSize(workspace: Workspace | undefined): Promise<string[]> {
  if (workspace === undefined) return []
  const { usedBytes, sharedBytes } = await workspace.readCacheUse()
  if (usedBytes <= sharedBytes) return []
  return [
    `Tables and indexes (${formatBytes(usedBytes)}) do not fit into shared_buffers (${formatBytes(sharedBytes)}): ` +
      'paths take turns there. Raise --memory, or measure fewer paths at a time with --paths.',
  ]
}

async function warmUpLanes(lanes: readonly Lane[], order: Uint32Array, task: MeasureTask): Promise<string[]> {
  const { request, control, dataset } = task
  const warnings: string[] = []
  // Backwards, so that the queries that are measured first are those that were warmed up with last, if at all.
  const backwards = order.slice().reverse()
  for (const [index, lane] of lanes.entries()) {
    control.progress.step('Warming up', index, lanes.length)
    const cursor = new QueryCursor(dataset.queries, backwards, lane.path.batchSize)
    const steadiness = await warmUp(lane, cursor, request.profile.warmUpMs, control.signal)
    if (steadiness !== 'unsteady') continue
    warnings.push(
      `${nameLane(lane)} was still getting faster when its warm-up ended; a longer profile shows more.`,
    )
  }
  control.progress.step('Warming up', lanes.length, lanes.length)
  return warnings
}

interface SummaryTask extends MeasureTask {
  readonly warnings: readonly string[]
  readonly readBandwidthGBps: number
}

async function summarise(
  prepared: PreparedPaths,
  lanes: readonly Lane[],
  task: SummaryTask,
): Promise<Measured> {
  const { request, dataset, truth, readBandwidthGBps, workspace, warnings } = task
  const random = new Random(request.seed, streams.bootstrap)
  const rows: BenchResult['paths'] = []
  for (const lane of lanes) {
    await lane.path.use(lane.prepared.variant)
    const plan = shortenPlan(await lane.path.explain(dataset.queries.data.subarray(0, dataset.queries.dims)))
    rows.push(summariseLane(lane, { dataset, truth, random, readBandwidthGBps, plan }))
  }
  const server: ServerEnvironment =
    workspace === undefined ? { settings: {} } : await describeServer(workspace)
  const noise = warnOfNoise(lanes)
  const used = await task.target?.stats()
  return {
    paths: [...rows, ...prepared.unavailable].sort(byRequestOf(request.paths)),
    comparisons: compareLanes(lanes),
    warnings: [...warnings, ...(noise === undefined ? [] : [noise]), ...new Set(workspace?.notices)],
    samples: collectSamples(lanes),
    ...(used && { server: { memoryPeakBytes: used.memoryPeakBytes, cpuSeconds: used.cpuSeconds } }),
    environment: {
      ...(await describeMachine()),
      ...server,
      target: task.target?.id ?? 'none',
      ...(task.target?.limits && { limits: task.target.limits }),
      readBandwidthGBps,
    },
  }
}

/** A plan spells out the query's every value; what it does is in the first words of each line. */
const planColumns = 160

function shortenPlan(plan: string): string {
  return plan
    .split('\n')
    .map((line) => (line.length > planColumns ? `${line.slice(0, planColumns - 3)}...` : line))
    .join('\n')
}

/** Rows in the order of the paths asked for; a stable sort keeps the order of variants. */
function byRequestOf(paths: readonly PathId[]) {
  return (a: { id: PathId }, b: { id: PathId }): number => paths.indexOf(a.id) - paths.indexOf(b.id)
}
