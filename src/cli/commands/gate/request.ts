import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { parseDurationMs } from '../../../config/duration.js'
import { invalidArgument, SimdgresError } from '../../../errors.js'
import { type ArmSpec, nameArm, parseArm, parseBase, type ResultBase } from '../../../gate/arm-spec.js'
import { findMergeBase } from '../../../gate/commits/commit-tree.js'
import { defaultPolicy } from '../../../gate/decide.js'
import { type GateFile, gateFileName, gatePaths, policyOf } from '../../../gate/gate-file.js'
import { choosePlants } from '../../../gate/planted-change.js'
import { findRepository, type Repository } from '../../../gate/repository.js'
import type { GateRequest } from '../../../gate/run-gate.js'
import type { SetupFile } from '../../../measure/arm.js'
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
  const config = readText(options, 'config')
  const file = await readGateFile(config)
  const repository = await findRepository(signal)
  const configPath = config ?? gateFileName
  const base = await readBase(options, file, repository, signal)
  if (base.kind === 'result') refuseQuestions(options)
  const head = readHead(options, file, repository, base)
  const setup = await readSetup(configPath, file)
  refuseSetup(file, [base, head])
  const metric = readText(options, 'metric')
  const isSelfTest = readFlag(options, 'self-test')
  const usual = isSelfTest ? [...defaultPaths, approximatePath] : defaultPaths
  const paths = inOrder(readPaths(options) ?? file.paths ?? usual)
  const { minBuilds } = defaultPolicy
  return {
    base,
    head,
    source: { repository, configPath, setup },
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

async function readBase(
  options: OptionValues,
  file: GateFile,
  repository: Repository,
  signal: AbortSignal,
): Promise<ArmSpec | ResultBase> {
  const text = readText(options, 'base')
  const name = text === undefined ? 'the key base of the file' : '--base'
  const given = text ?? file.base
  if (given !== undefined) {
    const base = parseBase(name, given)
    return base.kind === 'result' ? base : withSettings(base, file, repository)
  }
  const ref = await findMergeBase(signal, repository.folder)
  return withSettings({ kind: 'git', ref, parameters: {} }, file, repository)
}

/** What is asked, the result itself says. */
const questions = [
  ...['paths', 'dataset', 'metric', 'rows', 'queries', 'k'],
  ...['builds', 'recall', 'threads', 'seed', 'budget', 'self-test', 'a-a'],
]

function refuseQuestions(options: OptionValues): void {
  const given = questions.find((name) => options[name] !== undefined && options[name] !== false)
  if (given === undefined) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `--${given} cannot be given beside a base that is a result: it is measured again as it was`,
    `Leave --${given} out, or measure both versions here: --base git:REF.`,
  )
}

function readHead(
  options: OptionValues,
  file: GateFile,
  repository: Repository,
  base: ArmSpec | ResultBase,
): ArmSpec {
  const text = readText(options, 'head')
  if (base.kind === 'result' || !readFlag(options, 'a-a')) {
    const named = text ?? file.head
    return withSettings(
      named === undefined
        ? { kind: 'work-tree', parameters: {} }
        : parseArm(text === undefined ? 'the key head of the file' : '--head', named),
      file,
      repository,
    )
  }
  if (text === undefined) return base
  throw invalidArgument('--head', 'no head beside --a-a, which compares the base with itself', text)
}

/** Those of the arm itself win. A commit of another project has settings of its own. */
function withSettings(spec: ArmSpec, { settings = {} }: GateFile, { isOurs }: Repository): ArmSpec {
  if (spec.kind === 'git' && !isOurs) return spec
  if (Object.keys(settings).length === 0) return spec
  if (spec.kind !== 'url') return { ...spec, parameters: { ...settings, ...spec.parameters } }
  throw invalidArgument(
    'the key settings of the file',
    'no settings for a server that is there already',
    nameArm(spec),
    'Remove settings from the file, or compare images.',
  )
}

/** Files beside the one that names them. */
async function readSetup(configPath: string, { setup = [] }: GateFile): Promise<SetupFile[]> {
  const files: SetupFile[] = []
  for (const name of setup) {
    const path = join(dirname(configPath), name)
    try {
      files.push({ name, sql: await readFile(path, 'utf8') })
    } catch (error) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${configPath} names ${name} as its set-up, and it cannot be read: ${(error as Error).message}`,
        `Correct the key setup in ${configPath}.`,
        { cause: error },
      )
    }
  }
  return files
}

function refuseSetup({ setup = [] }: GateFile, arms: readonly (ArmSpec | ResultBase)[]): void {
  const there = arms.find(({ kind }) => kind === 'url')
  if (setup.length === 0 || there === undefined) return
  throw invalidArgument(
    'the key setup of the file',
    'no set-up for a server that is there already',
    nameArm(there),
    'Remove setup from the file, or compare images.',
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
