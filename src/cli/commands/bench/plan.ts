import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { readDatasetName } from '../../../datasets/dataset-name.js'
import { nameFilter } from '../../../datasets/row-filter.js'
import { storedFile } from '../../../datasets/stored-source.js'
import type { BenchRequest } from '../../../measure/bench.js'
import { connectionsOfRates, type Loads } from '../../../measure/load/list-loads.js'
import { needServer } from '../../../paths/registry.js'
import { formatParams } from '../../../report/columns.js'
import { formatBytes, formatCount, formatDuration } from '../../../result/numbers.js'

/** What a run would do, a line each; nothing is downloaded or started to find out. */
export function describePlan(request: BenchRequest): string[] {
  const { profile, settings } = request
  const given = Object.entries(settings).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [
    `profile   ${profile.name}: ${profile.summary}`,
    `data set  ${describeDataset(request)}`,
    `queries   ${describeQueries(request)}, k = ${request.k}, seed ${request.seed}`,
    ...(request.filters === undefined
      ? []
      : [`filters   ${request.filters.map(nameFilter).join(', ')} of the rows pass, by turns`]),
    ...describeLoads(request),
    ...describeStudies(request),
    `target    ${needServer(request.paths) ? request.target : 'none: no path needs a server'}`,
    `settings  ${given.length > 0 ? given.join(' ') : 'computed from the machine'}`,
    `paths     ${request.paths.join(', ')}`,
    ...(request.builds === undefined ? [] : [`builds    ${request.builds} of each approximate index`]),
    ...Object.entries(request.designs ?? {}).flatMap(([id, designs]) =>
      designs.map((design) => `design    ${id} with ${formatParams(design)}`),
    ),
    `time      ${formatDuration(profile.budgetMs)} for each row of the report in ${profile.rounds} rounds, ` +
      `after at most ${formatDuration(profile.warmUpMs)} of warm-up; loading and index builds come on top`,
  ]
}

function describeQueries({ queries, queriesFile, truthFile }: BenchRequest): string {
  if (queriesFile === undefined)
    return queries === undefined ? 'as many as the data set can spare' : formatCount(queries)
  return truthFile === undefined ? queriesFile : `${queriesFile} with the truth in ${truthFile}`
}

function describeStudies({ cold, whileInserting }: BenchRequest): string[] {
  return [
    ...(cold === undefined ? [] : [`cold      ${cold} restarts of the server for each table and index`]),
    ...(whileInserting === undefined
      ? []
      : [`inserting ${whileInserting} rows/s into each table, behind the other searches`]),
  ]
}

/** Nothing for one client, which is the usual. */
export function describeLoads(loads: Loads): string[] {
  const { clients = [1], rates = [] } = loads
  if (rates.length === 0 && clients.length === 1 && clients[0] === 1) return []
  const arriving =
    rates.length === 0 ? '' : `; ${rates.join(', ')} queries/s at ${connectionsOfRates(loads)} connections`
  return [`load      ${clients.join(', ')} clients${arriving}`]
}

function describeDataset({ dataset, rows }: BenchRequest): string {
  const named = readDatasetName(dataset)
  if (named.kind === 'file') {
    return `${dataset}${rows === undefined ? '' : `: at most ${formatCount(rows)} rows`}`
  }
  const shape = named.kind === 'source' ? named.source : named.shape
  const used = Math.min(rows ?? shape.rows, shape.rows)
  const bytes = used * shape.dims * Float32Array.BYTES_PER_ELEMENT
  const size = `${dataset}: ${formatCount(used)} x ${shape.dims}, ${formatBytes(bytes)}`
  if (named.kind !== 'source' || named.source.computed === undefined) return size
  if (existsSync(storedFile(named.source).path)) return size
  const minutes = (named.source.rows * named.source.computed.msPerRow) / availableParallelism() / 60_000
  return `${size}; computed once before the run, about ${Math.ceil(minutes)} min`
}
