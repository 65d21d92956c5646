import { availableParallelism, totalmem } from 'node:os'
import { parseByteSize } from '../../../config/byte-size.js'
import { parseDurationMs } from '../../../config/duration.js'
import { recommendSettings } from '../../../config/recommended-settings.js'
import { checkDatasetName } from '../../../datasets/catalogue.js'
import { invalidArgument } from '../../../errors.js'
import { pathIds } from '../../../paths/registry.js'
import type { PathId } from '../../../paths/search-path.js'
import { memoryLimitBytes } from '../../../system/memory-limit.js'
import type { DeploySettings, ServerLimits } from '../../../targets/target.js'
import { isTunable, knobs } from '../../../tune/knobs.js'
import { parseGrid } from '../../../tune/points.js'
import type { Goal, GridRequest, SearchRequest } from '../../../tune/request.js'
import { metrics } from '../../../vectors/metric.js'
import { type OptionValues, type ParsedArguments, readText } from '../../options/option-table.js'
import { parseChoice, readInteger, readPositive } from '../../options/option-values.js'
import { readClients } from '../harness/clients.js'
import { findMostNeighbours, readServerSettings } from '../harness/server-settings.js'

export const defaultPaths: readonly PathId[] = ['pgvector-exact', 'pgvector-hnsw', 'extension-exact']
export const defaultBudget = '30m'
export const goals: readonly Goal[] = ['qps', 'p95']
export const defaultSeconds = 3
export const defaultRounds = 6
export const defaultRecall = 0.95
/** Of a grid: workers help one client, and not several. */
const defaultClients = [1, 4]
export const tuneTargets = ['auto', 'docker', 'local'] as const

/** What `simdgres tune` was asked to do. ERR_INVALID_ARGUMENT names the option that is wrong. */
export function readTuneRequest({ options, positionals }: ParsedArguments): GridRequest | SearchRequest {
  if (positionals[0] !== undefined) {
    throw invalidArgument('an argument of tune', 'options only', positionals[0], 'See simdgres tune --help.')
  }
  const settings = readServerSettings(options)
  const target = parseChoice('--target', readText(options, 'target') ?? 'auto', tuneTargets)
  const limits = expectLimits(target, settings)
  const dataset = readText(options, 'dataset') ?? 'glove-100'
  checkDatasetName(dataset)
  const rows = readInteger(options, 'rows', 1)
  const metric = readText(options, 'metric')
  const shared = {
    dataset,
    k: readInteger(options, 'k', 1, findMostNeighbours(dataset, rows)) ?? 10,
    seed: readInteger(options, 'seed', 0) ?? 1,
    threads: availableParallelism(),
    queries: readInteger(options, 'queries', 1) ?? 1000,
    ...(rows !== undefined && { rows }),
    ...(metric !== undefined && { metric: parseChoice('--metric', metric, metrics) }),
    paths: readPaths(options),
    target,
    settings,
    recall: readRecall(options),
  }
  const grid = readText(options, 'grid')
  if (grid === undefined) return readSearch(options, shared, limits)
  refuse('goal', readText(options, 'goal'), '--grid, which measures everything')
  refuse('budget', readText(options, 'budget'), '--grid, which takes --seconds for each point')
  refuse('knobs', readText(options, 'knobs'), '--grid, which names its knobs')
  refuse('out', readText(options, 'out'), '--grid, which recommends nothing')
  return {
    ...shared,
    mode: 'grid',
    knobs: parseGrid(grid, limits),
    clients: readClients(options) ?? defaultClients,
    pointMs: (readPositive(options, 'seconds') ?? defaultSeconds) * 1000,
    rounds: readInteger(options, 'rounds', 2, 100) ?? defaultRounds,
  }
}

function readSearch(
  options: OptionValues,
  shared: Omit<SearchRequest, 'mode' | 'knobs' | 'clients' | 'goal' | 'budgetMs'>,
  limits: ServerLimits,
): SearchRequest {
  refuse('seconds', readText(options, 'seconds'), 'a search, which has a --budget')
  refuse('rounds', readText(options, 'rounds'), 'a search, which has a --budget')
  const clients = readClients(options) ?? [1]
  if (clients.length > 1) {
    throw invalidArgument(
      '--clients',
      'one number, as a search is for one load',
      readText(options, 'clients'),
    )
  }
  const named = readText(options, 'knobs')
  const goal = parseChoice('--goal', readText(options, 'goal') ?? 'qps', goals)
  return {
    ...shared,
    mode: 'search',
    knobs:
      named === undefined
        ? knobs.map((knob) => ({ knob, values: [...new Set(knob.range(limits))] }))
        : parseGrid(named, limits),
    clients: clients[0]!,
    goal,
    budgetMs: parseDurationMs(readText(options, 'budget') ?? defaultBudget, '--budget'),
  }
}

function refuse(name: string, given: string | undefined, beside: string): void {
  if (given === undefined) return
  throw invalidArgument(`--${name}`, `nothing beside ${beside}`, given, `Leave --${name} out.`)
}

function readPaths(options: OptionValues): readonly PathId[] {
  const list = readText(options, 'paths')
  if (list === undefined) return defaultPaths
  const tunable = pathIds.filter(isTunable)
  const named = list.split(',').map((name) => parseChoice('--paths', name.trim(), tunable))
  return pathIds.filter((id) => named.includes(id))
}

function readRecall(options: OptionValues): number {
  const recall = readPositive(options, 'recall') ?? defaultRecall
  if (recall <= 1) return recall
  throw invalidArgument(
    '--recall',
    'a recall above 0 and at most 1, such as 0.95',
    readText(options, 'recall'),
  )
}

/** What the server will have, as far as this machine can tell: ranges of knobs are computed from it. */
export function expectLimits(
  target: (typeof tuneTargets)[number],
  { memoryBytes, cpus }: DeploySettings,
): ServerLimits {
  const host = { cpus: availableParallelism(), memoryBytes: totalmem() }
  const ofContainer = parseByteSize(recommendSettings(host)['POSTGRES_MEMORY']!, 'POSTGRES_MEMORY')
  return {
    cpus: cpus ?? host.cpus,
    memoryBytes: memoryBytes ?? (target === 'local' ? memoryLimitBytes() : ofContainer),
  }
}
