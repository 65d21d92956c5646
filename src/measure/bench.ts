import { createHash } from 'node:crypto'
import { checkDatasetName } from '../datasets/catalogue.js'
import { findPathRow, needServer } from '../paths/registry.js'
import type { Design, PathId } from '../paths/search-path.js'
import type { BenchResult } from '../result/schema.js'
import { createTarget, type TargetChoice } from '../targets/choose.js'
import type { DeploySettings, Target } from '../targets/target.js'
import { type Control, Experiment, type Question } from './experiment.js'
import type { Lane } from './lane/lane.js'
import { type Loads, listLoads } from './load/list-loads.js'
import type { Profile } from './profiles.js'
import type { RawSamples } from './raw-samples.js'
import { shuffledRounds } from './schedule/shuffled-rounds.js'

export interface BenchRequest extends Question, Loads {
  readonly profile: Profile
  readonly paths: readonly PathId[]
  readonly target: TargetChoice
  readonly url?: string
  readonly settings: DeploySettings
  /** How often approximate indexes are built; once if missing. */
  readonly builds?: number
  /** Restarts of the server for the first search of each table and index; none if missing. */
  readonly cold?: number
  /** Rows per second that are inserted during further searches of each of them; none if missing. */
  readonly whileInserting?: number
  /** What is built for a path instead of its usual designs. */
  readonly designs?: Readonly<Record<PathId, readonly Design[]>>
}

export interface BenchOutcome {
  readonly result: BenchResult
  readonly samples: RawSamples
}

/** All paths on one server, in shuffled rounds. Whatever happens, nothing it started is left behind. */
export async function runBench(request: BenchRequest, control: Control): Promise<BenchOutcome> {
  const startedAt = new Date()
  const { profile } = request
  checkDatasetName(request.dataset)
  // Before the data set, so that a target that cannot be is told before anything is downloaded.
  const resumable = { ...control, resumeKey: nameRequest(request) }
  const target = await chooseTarget(request, resumable)
  const hasCodes = request.paths.includes('addon-levels')
  const copies = request.paths.filter((id) => !findPathRow(id).needsServer).length
  const experiment = await Experiment.open({ ...request, hasCodes, copies }, resumable)
  try {
    const arm = await experiment.prepare({
      name: 'bench',
      ...(target && { target }),
      settings: request.settings,
      paths: request.paths.map((id) => {
        const designs = request.designs?.[id]
        return { id, ...(designs && { designs }) }
      }),
      threads: request.threads,
      budgetMs: profile.budgetMs,
      ...(request.builds !== undefined && { builds: request.builds }),
      isLogged: request.whileInserting !== undefined,
    })
    const schedule = shuffledRounds({ ...profile, random: () => experiment.random() })
    const variantsOf = await experiment.chooseVariants(arm)
    const loads = listLoads(request, request.seed)
    const lanes = loads.flatMap((load) => arm.lanes(load, variantsOf)).filter(isAskedSo)
    const rounds = await experiment.measure(lanes, schedule, profile.warmUpMs)
    const { budgetMs, maxQueries } = profile
    const { cold, whileInserting } = request
    const observed = await experiment.study(arm, rounds, { budgetMs, maxQueries, cold, whileInserting })
    const { summary, samples } = await experiment.summarise(observed)
    const leftovers = await experiment.close()
    const result = {
      ...summary,
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      profile: profile.name,
      seed: request.seed,
      request: describeRequest(request),
      warnings: [...summary.warnings, ...leftovers],
    }
    return { result, samples }
  } finally {
    await experiment.close()
  }
}

/** Queries that arrive one by one make no batch. */
function isAskedSo({ corpus, load }: Lane): boolean {
  return load.shape.kind === 'closed' || corpus.path.batchSize === 1
}

/** Undefined where no path needs a server. */
async function chooseTarget(request: BenchRequest, control: Control): Promise<Target | undefined> {
  if (!needServer(request.paths)) return undefined
  return createTarget(request.target, { ...control, ...(request.url !== undefined && { url: request.url }) })
}

/** The same for the same command on the same machine. */
function nameRequest(request: BenchRequest): string {
  return createHash('sha256')
    .update(JSON.stringify(describeRequest(request)))
    .digest('hex')
    .slice(0, 32)
}

/** For the result file, without a password. */
function describeRequest({
  profile,
  url,
  settings,
  designs,
  filters,
  clients,
  rates,
  ...request
}: BenchRequest): BenchResult['request'] {
  const { name, rounds, budgetMs, maxQueries, warmUpMs } = profile
  return {
    ...request,
    profile: { name, rounds, budgetMs, maxQueries, warmUpMs },
    paths: [...request.paths],
    ...(designs && { designs: mapDesigns(designs) }),
    ...(filters && { filters: [...filters] }),
    ...(clients && { clients: [...clients] }),
    ...(rates && { rates: [...rates] }),
    ...(url !== undefined && { url: hidePassword(url) }),
    server: settings,
  }
}

const mapDesigns = (designs: NonNullable<BenchRequest['designs']>) =>
  Object.fromEntries(Object.entries(designs).map(([id, list]) => [id, [...list]]))

function hidePassword(url: string): string {
  const parsed = new URL(url)
  parsed.password = ''
  return parsed.href
}
