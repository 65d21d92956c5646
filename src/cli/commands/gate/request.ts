import { availableParallelism } from 'node:os'
import { parseDurationMs } from '../../../config/duration.js'
import { invalidArgument } from '../../../errors.js'
import { type ArmSpec, nameArm, parseArm } from '../../../gate/arm-spec.js'
import { findMergeBase } from '../../../gate/commit-tree.js'
import { defaultPolicy } from '../../../gate/decide.js'
import { type GateFile, gatePaths, policyOf } from '../../../gate/gate-file.js'
import { choosePlants } from '../../../gate/planted-change.js'
import type { GateRequest } from '../../../gate/run-gate.js'
import type { PathId } from '../../../paths/search-path.js'
import { type Metric, metrics } from '../../../vectors/metric.js'
import { type OptionValues, type ParsedArguments, readFlag, readText } from '../../options/option-table.js'
import { parseChoice, readInteger } from '../../options/option-values.js'
import { readGateFile } from './file.js'

export const defaultPaths: readonly PathId[] = [
  'null',
  'pgvector-exact',
  'extension-exact',
  'addon-exact',
  'addon-batch',
]
export const defaultBudget = '5m'
/** A self-test loses recall too. */
const approximatePath: PathId = 'pgvector-hnsw'
const defaultRecall = 0.95
/** Three are the least that decide; two more make the interval of a recall half as wide. */
const defaultBuilds = 5
const mostBuilds = 50

/**
 * What `simdgres gate` was asked to do: by the command line, else by the file, else as usual. ERR_INVALID_ARGUMENT names
 * the option, or file and key, that is wrong.
 */
export async function readGateRequest(
  { options, positionals }: ParsedArguments,
  signal: AbortSignal,
): Promise<GateRequest> {
  if (positionals[0] !== undefined) {
    throw invalidArgument('an argument of gate', 'options only', positionals[0], 'See simdgres gate --help.')
  }
  const file = await readGateFile(readText(options, 'config'))
  const base = await readBase(options, file, signal)
  const metric = readText(options, 'metric')
  const isSelfTest = readFlag(options, 'self-test')
  const usual = isSelfTest ? [...defaultPaths, approximatePath] : defaultPaths
  const paths = inOrder(readPaths(options) ?? file.paths ?? usual)
  const { minBuilds } = defaultPolicy
  return {
    base,
    head: readHead(options, file, base),
    paths,
    dataset: readText(options, 'dataset') ?? file.dataset ?? 'glove-100',
    rows: readInteger(options, 'rows', 1) ?? file.rows ?? 30_000,
    queries: readInteger(options, 'queries', 1) ?? file.queries ?? 1000,
    k: readInteger(options, 'k', 1) ?? file.k ?? 10,
    seed: readInteger(options, 'seed', 0) ?? file.seed ?? 1,
    threads: readInteger(options, 'threads', 1) ?? file.threads ?? availableParallelism(),
    budgetMs: parseDurationMs(readText(options, 'budget') ?? file.budget ?? defaultBudget, '--budget'),
    builds: readInteger(options, 'builds', minBuilds, mostBuilds) ?? file.builds ?? defaultBuilds,
    recallTargets: readRecalls(options) ?? file.recallTargets ?? [defaultRecall],
    policy: policyOf(file),
    ...readMetric(metric, file),
    ...(isSelfTest && { planted: choosePlants(paths) }),
  }
}

function readMetric(text: string | undefined, { metric }: GateFile): { metric?: Metric } {
  if (text !== undefined) return { metric: parseChoice('--metric', text, metrics) }
  return metric === undefined ? {} : { metric }
}

async function readBase(options: OptionValues, file: GateFile, signal: AbortSignal): Promise<ArmSpec> {
  const given = readArm('base', readText(options, 'base'), file)
  if (given !== undefined) return given
  return withSettings({ kind: 'git', ref: await findMergeBase(signal), parameters: {} }, file)
}

function readHead(options: OptionValues, file: GateFile, base: ArmSpec): ArmSpec {
  const text = readText(options, 'head')
  if (!readFlag(options, 'a-a')) {
    return readArm('head', text, file) ?? withSettings({ kind: 'work-tree', parameters: {} }, file)
  }
  if (text === undefined) return base
  throw invalidArgument('--head', 'no head beside --a-a, which compares the base with itself', text)
}

function readArm(name: 'base' | 'head', text: string | undefined, file: GateFile): ArmSpec | undefined {
  if (text !== undefined) return withSettings(parseArm(`--${name}`, text), file)
  const ofFile = file[name]
  return ofFile === undefined
    ? undefined
    : withSettings(parseArm(`the key ${name} of the file`, ofFile), file)
}

/** Those of the arm itself win. */
function withSettings(spec: ArmSpec, { settings = {} }: GateFile): ArmSpec {
  if (Object.keys(settings).length === 0) return spec
  if (spec.kind !== 'url') return { ...spec, parameters: { ...settings, ...spec.parameters } }
  throw invalidArgument(
    'the key settings of the file',
    'no settings for a server that is there already',
    nameArm(spec),
    'Remove settings from the file, or compare images.',
  )
}

/** Shares above 0 and at most 1. */
function readRecalls(options: OptionValues): readonly number[] | undefined {
  const list = readText(options, 'recall')
  return list?.split(',').map((text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value > 0 && value <= 1) return value
    throw invalidArgument('--recall', 'recalls above 0 and at most 1, such as 0.9,0.95', text)
  })
}

function readPaths(options: OptionValues): readonly PathId[] | undefined {
  const list = readText(options, 'paths')
  return list?.split(',').map((name) => parseChoice('--paths', name.trim(), gatePaths))
}

const inOrder = (named: readonly PathId[]) => gatePaths.filter((id) => named.includes(id))
