import { availableParallelism } from 'node:os'
import { invalidArgument } from '../../../errors.js'
import type { TableRequest } from '../../../measure/own-table/run.js'
import { formatDuration } from '../../../result/numbers.js'
import { metrics } from '../../../vectors/metric.js'
import { maxThreads } from '../../../vectors/vector-set.js'
import { type ParsedArguments, readFlag, readText } from '../../options/option-table.js'
import { parseChoice, readInteger } from '../../options/option-values.js'
import { readLoads } from './loads.js'
import { describeLoads } from './plan.js'
import { defaultSeed, readProfile } from './request.js'

/** Enough for a recall to half a per cent, and few enough for a table whose exact scan takes a second. */
const defaultSample = 200

/** What a table that is searched where it is leaves no room for, and why. */
const otherOptions: Readonly<Record<string, string>> = {
  dataset: 'The table is the data set.',
  rows: 'Choose rows with --where.',
  paths: 'All ways to search the table are measured.',
  builds: 'Nothing is built.',
  design: 'Nothing is built.',
  truth: 'The truth is found by an exact scan of the table.',
  cold: 'A server that is not of the run is not restarted.',
  'while-inserting': 'Nothing is written to a table that is searched where it is.',
  filter: 'Give the condition with --where.',
  set: 'The row as-is has the settings of the server and the role.',
  'pg-major': 'The server exists already.',
  memory: 'The server exists already.',
  cpus: 'The server exists already.',
  port: 'The port is in --url.',
  isa: 'The server exists already.',
}

/** What `simdgres bench --table` was asked to do. ERR_INVALID_ARGUMENT names the option that is wrong. */
export function readTableRequest({ options, positionals }: ParsedArguments): TableRequest {
  if (positionals[0] !== undefined) {
    const hint = 'See simdgres bench --help.'
    throw invalidArgument('an argument of bench', 'options only', positionals[0], hint)
  }
  for (const [name, reason] of Object.entries(otherOptions)) {
    if (name in options) throw invalidArgument(`--${name}`, 'left out with --table', options[name], reason)
  }
  const [url, target] = [readText(options, 'url'), readText(options, 'target') ?? 'url']
  if (url === undefined || target !== 'url') {
    const hint = 'Name the server of the table: --url postgres://user@host/database.'
    throw invalidArgument('--table', 'a server with --url', target === 'url' ? undefined : target, hint)
  }
  const [queries, sample] = [readText(options, 'queries'), readInteger(options, 'sample', 1)]
  if (queries !== undefined && sample !== undefined) {
    throw invalidArgument('--sample', 'left out with --queries', sample, 'Leave out one of the two.')
  }
  const profile = readProfile(options)
  const threads = readInteger(options, 'threads', 1, maxThreads)
  const isFetched = readFlag(options, 'fetch')
  if (threads !== undefined && !isFetched) {
    const hint = 'No path of this process is measured without --fetch.'
    throw invalidArgument('--threads', 'left out with --table', threads, hint)
  }
  const vector = readText(options, 'vector')
  const where = readText(options, 'where')
  const metric = readText(options, 'metric')
  return {
    url,
    profile,
    table: readText(options, 'table')!,
    id: readText(options, 'id') ?? 'id',
    queries: queries ?? sample ?? defaultSample,
    k: readInteger(options, 'k', 1) ?? profile.k,
    seed: readInteger(options, 'seed', 0) ?? defaultSeed,
    ...(vector !== undefined && { vector }),
    ...(where !== undefined && { where }),
    ...(isFetched && { fetchThreads: threads ?? availableParallelism() }),
    ...readLoads(options),
    ...(metric !== undefined && { metric: parseChoice('--metric', metric, metrics) }),
  }
}

/** A line each. */
export function describeTablePlan(request: TableRequest): string[] {
  const { table, where, queries, k, profile } = request
  return [
    `profile   ${profile.name}: ${profile.summary}`,
    `table     ${table}${where === undefined ? '' : ` where ${where}`}: read where it is, and not changed`,
    ...(request.fetchThreads === undefined
      ? []
      : ['fetch     all of its rows into this process, for the addon']),
    `queries   ${typeof queries === 'number' ? `${queries} of its rows` : queries}, k = ${k}`,
    ...describeLoads(request),
    `time      ${formatDuration(profile.budgetMs)} for each row of the report; an exact scan for each query comes on top`,
  ]
}
