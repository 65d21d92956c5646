import { listDatasets } from '../../../datasets/catalogue.js'
import { findReader } from '../../../datasets/readers/list.js'
import { parseSynthetic, syntheticForm } from '../../../datasets/synthetic.js'
import { invalidArgument } from '../../../errors.js'
import type { BenchRequest } from '../../../measure/bench.js'
import { needServer } from '../../../paths/registry.js'
import { formatBytes, formatCount, formatDuration } from '../../../result/numbers.js'

/** What a run would do, a line each; nothing is downloaded or started to find out. */
export function describePlan(request: BenchRequest): string[] {
  const { profile, settings } = request
  const given = Object.entries(settings).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [
    `profile   ${profile.name}: ${profile.summary}`,
    `data set  ${describeDataset(request)}`,
    `queries   ${request.queries === undefined ? 'as many as the data set can spare' : formatCount(request.queries)}, k = ${request.k}, seed ${request.seed}`,
    `target    ${needServer(request.paths) ? request.target : 'none: no path needs a server'}`,
    `settings  ${given.length > 0 ? given.join(' ') : 'computed from the machine'}`,
    `paths     ${request.paths.join(', ')}`,
    `time      ${formatDuration(profile.budgetMs)} for each row of the report in ${profile.rounds} rounds, ` +
      `after at most ${formatDuration(profile.warmUpMs)} of warm-up; loading and index builds come on top`,
  ]
}

function describeDataset({ dataset, rows }: BenchRequest): string {
  const shape = listDatasets().find(({ name }) => name === dataset) ?? parseSynthetic(dataset)
  if (shape !== undefined) {
    const used = Math.min(rows ?? shape.rows, shape.rows)
    const bytes = used * shape.dims * Float32Array.BYTES_PER_ELEMENT
    return `${dataset}: ${formatCount(used)} x ${shape.dims}, ${formatBytes(bytes)}`
  }
  if (findReader(dataset)?.kind === 'vectors') {
    return `${dataset}${rows === undefined ? '' : `: at most ${formatCount(rows)} rows`}`
  }
  const names = listDatasets().map(({ name }) => name)
  throw invalidArgument('--dataset', `${names.join(', ')}, ${syntheticForm} or a file of vectors`, dataset)
}
