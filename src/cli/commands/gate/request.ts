import { availableParallelism } from 'node:os'
import { parseDurationMs } from '../../../config/duration.js'
import { invalidArgument } from '../../../errors.js'
import { type ArmSpec, parseArm } from '../../../gate/arm-spec.js'
import { findMergeBase } from '../../../gate/commit-tree.js'
import { findPlanted, type GateRequest } from '../../../gate/run-gate.js'
import { findPathRow, pathIds } from '../../../paths/registry.js'
import type { PathId } from '../../../paths/search-path.js'
import { metrics } from '../../../vectors/metric.js'
import { type OptionValues, type ParsedArguments, readFlag, readText } from '../../options/option-table.js'
import { parseChoice, readInteger } from '../../options/option-values.js'

/** An approximate index differs from one build to the next, in time and in recall, whatever the code. */
export const gatePaths: readonly PathId[] = pathIds.filter((id) => {
  const { exact, searches, load } = findPathRow(id)
  return (exact || !searches) && typeof load === 'function'
})
export const defaultPaths: readonly PathId[] = [
  'null',
  'pgvector-exact',
  'extension-exact',
  'addon-exact',
  'addon-batch',
]
export const defaultBudget = '5m'
/** Of a self-test: as much as must not be overlooked. */
const plantedShare = 0.05

/** What `simdgres gate` was asked to do. ERR_INVALID_ARGUMENT names the option that is wrong. */
export async function readGateRequest(
  { options, positionals }: ParsedArguments,
  signal: AbortSignal,
): Promise<GateRequest> {
  if (positionals[0] !== undefined) {
    throw invalidArgument('an argument of gate', 'options only', positionals[0], 'See simdgres gate --help.')
  }
  const base = await readBase(options, signal)
  const metric = readText(options, 'metric')
  const paths = readPaths(options)
  const isSelfTest = readFlag(options, 'self-test')
  if (isSelfTest) findPlanted(paths)
  return {
    base,
    head: readHead(options, base),
    paths,
    dataset: readText(options, 'dataset') ?? 'glove-100',
    rows: readInteger(options, 'rows', 1) ?? 30_000,
    queries: readInteger(options, 'queries', 1) ?? 1000,
    k: readInteger(options, 'k', 1) ?? 10,
    seed: readInteger(options, 'seed', 0) ?? 1,
    threads: readInteger(options, 'threads', 1) ?? availableParallelism(),
    budgetMs: parseDurationMs(readText(options, 'budget') ?? defaultBudget, '--budget'),
    ...(metric !== undefined && { metric: parseChoice('--metric', metric, metrics) }),
    ...(isSelfTest && { plantedDelay: plantedShare }),
  }
}

async function readBase(options: OptionValues, signal: AbortSignal): Promise<ArmSpec> {
  const text = readText(options, 'base')
  if (text !== undefined) return parseArm('--base', text)
  return { kind: 'git', ref: await findMergeBase(signal), parameters: {} }
}

function readHead(options: OptionValues, base: ArmSpec): ArmSpec {
  const text = readText(options, 'head')
  if (!readFlag(options, 'a-a')) return parseArm('--head', text ?? 'work-tree')
  if (text === undefined) return base
  throw invalidArgument('--head', 'no head beside --a-a, which compares the base with itself', text)
}

function readPaths(options: OptionValues): readonly PathId[] {
  const list = readText(options, 'paths')
  if (list === undefined) return defaultPaths
  const named = list.split(',').map((name) => parseChoice('--paths', name.trim(), gatePaths))
  return gatePaths.filter((id) => named.includes(id))
}
