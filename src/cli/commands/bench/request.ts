import { availableParallelism } from 'node:os'
import { vectorExtensions } from '../../../datasets/readers/list.js'
import { checkPassing } from '../../../datasets/row-filter.js'
import { invalidArgument } from '../../../errors.js'
import type { BenchRequest } from '../../../measure/bench.js'
import { type Profile, profiles } from '../../../measure/profiles.js'
import { pathIds } from '../../../paths/registry.js'
import type { PathId } from '../../../paths/search-path.js'
import { sessionSettings } from '../../../paths/server/forced-settings.js'
import { type TargetChoice, targetChoices } from '../../../targets/choose.js'
import type { DeploySettings } from '../../../targets/target.js'
import { isas } from '../../../vectors/capabilities.js'
import { metrics } from '../../../vectors/metric.js'
import { maxThreads } from '../../../vectors/vector-set.js'
import { type OptionValues, type ParsedArguments, readText } from '../../options/option-table.js'
import { parseChoice, readInteger, readPositive } from '../../options/option-values.js'
import { findMostNeighbours, readServerSettings } from '../harness/server-settings.js'
import { readDesigns } from './designs.js'
import { readLoads } from './loads.js'
import { readStudies } from './studies.js'

export const defaultSeed = 1
/** Of a table that is searched where it is. */
const tableOptions = ['id', 'vector', 'where', 'sample', 'fetch']
/** Each has a table and an index of its own; what more of them would show is known by then. */
const maxBuilds = 20
/** One row of a million; smaller numbers would be printed with an exponent. */
const leastPercent = 0.0001

/** Parameters that every measured session has, so that a value given here would be ignored. */
const fixedParameters: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(sessionSettings).map(([name, value]) => [
    name,
    `Leave it out: every session that is measured has ${name}=${value}.`,
  ]),
)

/** What `simdgres bench` was asked to do. ERR_INVALID_ARGUMENT names the option that is wrong. */
export function readBenchRequest({ options, positionals }: ParsedArguments): BenchRequest {
  if (positionals[0] !== undefined) {
    const hint = 'See simdgres bench --help.'
    throw invalidArgument('an argument of bench', 'options only', positionals[0], hint)
  }
  const unused = tableOptions.find((name) => name in options)
  if (unused !== undefined) {
    throw invalidArgument(
      `--${unused}`,
      'used with --table',
      readText(options, unused),
      'Name the table, or leave it out.',
    )
  }
  const profile = readProfile(options)
  const url = readText(options, 'url')
  const dataset = readText(options, 'dataset')
  // How many queries another data set can spare depends on its size, which its loader knows.
  const queriesFile = readQueriesFile(options)
  const counted = queriesFile === undefined ? readInteger(options, 'queries', 1) : undefined
  const queries = counted ?? (dataset === undefined ? profile.queries : undefined)
  const truthFile = readText(options, 'truth')
  const rows = readInteger(options, 'rows', 1) ?? profile.rows
  const metric = readText(options, 'metric')
  const builds = readInteger(options, 'builds', 1, maxBuilds)
  const name = dataset ?? profile.dataset
  const paths = readPaths(options)
  const designs = readDesigns(options, paths)
  const most = findMostNeighbours(name, rows)
  const k = readInteger(options, 'k', 1, most) ?? profile.k
  const filters = readFilters(options)
  for (const percent of filters ?? []) checkPassing(most, percent, k)
  return {
    profile,
    dataset: name,
    k,
    seed: readInteger(options, 'seed', 0) ?? defaultSeed,
    paths,
    threads: readInteger(options, 'threads', 1, maxThreads) ?? availableParallelism(),
    target: readTarget(options, url),
    settings: readSettings(options),
    ...(rows !== undefined && { rows }),
    ...(queries !== undefined && { queries }),
    ...(queriesFile !== undefined && { queriesFile }),
    ...(truthFile !== undefined && { truthFile }),
    ...(metric !== undefined && { metric: parseChoice('--metric', metric, metrics) }),
    ...(url !== undefined && { url }),
    ...(builds !== undefined && { builds }),
    ...(designs !== undefined && { designs }),
    ...(filters !== undefined && { filters }),
    ...readLoads(options),
    ...readStudies(options, url, paths),
  }
}

/** A name with an extension; a number is how many are held out. */
function readQueriesFile(options: OptionValues): string | undefined {
  const text = readText(options, 'queries')
  return text !== undefined && vectorExtensions.some((extension) => text.toLowerCase().endsWith(extension))
    ? text
    : undefined
}

export function readProfile(options: OptionValues): Profile {
  const name = parseChoice(
    '--profile',
    readText(options, 'profile') ?? profiles[0]!.name,
    profiles.map((profile) => profile.name),
  )
  const profile = profiles.find((candidate) => candidate.name === name)!
  const seconds = readPositive(options, 'seconds')
  if (seconds === undefined) return profile
  const factor = (seconds * 1000) / profile.budgetMs
  return {
    ...profile,
    // Results with different budgets do not belong to the same profile.
    name: `${name}, ${seconds} s a row`,
    budgetMs: profile.budgetMs * factor,
    warmUpMs: profile.warmUpMs * factor,
  }
}

function readPaths(options: OptionValues): readonly PathId[] {
  const list = readText(options, 'paths')
  if (list === undefined) return pathIds
  const named = list.split(',').map((name) => parseChoice('--paths', name.trim(), pathIds))
  return pathIds.filter((id) => named.includes(id))
}

/** The widest first, each once. */
function readFilters(options: OptionValues): readonly number[] | undefined {
  const list = readText(options, 'filter')
  if (list === undefined) return undefined
  const percents = list.split(',').map((text) => {
    const percent = /^\d*\.?\d+ *%?$/.test(text.trim()) ? Number.parseFloat(text) : Number.NaN
    if (percent >= leastPercent && percent <= 100) return percent
    throw invalidArgument(
      '--filter',
      `shares of the rows in per cent from ${leastPercent} to 100, like 10,1,0.1`,
      text,
    )
  })
  return [...new Set(percents)].sort((a, b) => b - a)
}

function readTarget(options: OptionValues, url: string | undefined): TargetChoice {
  const name = readText(options, 'target')
  if (name === undefined) return url === undefined ? 'auto' : 'url'
  const target = parseChoice('--target', name, targetChoices)
  if (url !== undefined && target !== 'url') {
    throw invalidArgument('--target', 'url, because --url names a server', name, 'Leave out one of the two.')
  }
  return target
}

function readSettings(options: OptionValues): DeploySettings {
  const port = readInteger(options, 'port', 1, 65_535)
  const isa = readText(options, 'isa')
  return {
    ...readServerSettings(options, fixedParameters),
    ...(port !== undefined && { port }),
    ...(isa !== undefined && { isa: parseChoice('--isa', isa, isas) }),
  }
}
