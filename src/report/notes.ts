import { countPassing, nameFilter } from '../datasets/row-filter.js'
import { nameLoad } from '../result/load-name.js'
import { formatBytes, formatCount, formatDuration, formatNumber, formatRecall } from '../result/numbers.js'
import type { BenchResult } from '../result/schema.js'
import { bestNote, findCommonParams, formatParams, nameSetting } from './columns.js'
import { findBestRows } from './frontier.js'

/** What was searched, and where: the first lines of every report. */
export function describeRun({
  dataset,
  environment,
  profile,
  durationMs,
  isComplete,
  server: used,
  request,
  paths,
}: BenchResult): string[] {
  const kind = dataset.synthetic ? ' (SYNTHETIC data, made by a generator)' : ''
  const server = [
    environment.postgres && `PostgreSQL ${environment.postgres}`,
    environment.pgvector && `pgvector ${environment.pgvector}`,
    environment.extension && `simdgres ${environment.extension} (${environment.extensionIsa})`,
  ].filter((part) => part !== undefined)
  const filters = (request?.filters ?? []).map(
    (percent) => `${nameFilter(percent)} (${formatCount(countPassing(dataset.rows, percent))})`,
  )
  const lines = [
    `${dataset.name}${kind}: ${formatCount(dataset.rows)} x ${dataset.dims}, ${dataset.metric}, ` +
      `k = ${dataset.k}, ${formatCount(dataset.queries)} queries held out`,
    ...(filters.length > 0
      ? [
          `filters: of all rows, chosen at random, ${filters.join(', ')} pass; they are tested by a column without an index`,
        ]
      : []),
    `${environment.cpu}, ${environment.cores} cores, ${formatBytes(environment.memoryBytes)}, ` +
      `${environment.isa}, read bandwidth of one thread ${formatNumber(environment.readBandwidthGBps)} GB/s`,
  ]
  if (server.length > 0) {
    const use =
      used === undefined
        ? ''
        : `, used ${formatBytes(used.memoryPeakBytes)} at most and ${formatDuration(used.cpuSeconds * 1000)} of CPU`
    const { limits } = environment
    const size =
      limits === undefined
        ? ''
        : ` (${formatNumber(limits.cpus)} processors, ${formatBytes(limits.memoryBytes)})`
    lines.push(`${server.join(', ')}; target ${environment.target}${size}${use}`)
  }
  lines.push(`profile ${profile}, ${formatDuration(durationMs)}${describeLoads(paths)}`)
  if (!isComplete) lines.push('INCOMPLETE: the run was stopped before its end')
  return lines
}

/** What the table cannot say: shared settings, ratios, paths that did not run, and warnings. */
export function describeNotes(result: BenchResult): string[] {
  return [
    ...(findBestRows(result).size > 0 ? [bestNote] : []),
    ...describeShared(result),
    ...describeBatches(result),
    ...describeBuilds(result),
    ...describeRatios(result),
    ...describeCaveats(result),
    ...describeUnavailable(result),
  ]
}

/** Once for all rows; with several loads each row says its own. */
function describeLoads(paths: BenchResult['paths']): string {
  const isUsual = paths.every((row) => row.status !== 'ok' || nameLoad(row.load) === '')
  return isUsual ? '; one client that waits for each answer' : ''
}

/** A caller waits for the whole batch. */
function describeBatches({ paths }: BenchResult): string[] {
  const lines = paths.flatMap((row) => {
    if (row.status !== 'ok' || row.latencyMs.averagedOver === 1) return []
    const size = row.latencyMs.averagedOver
    return [
      `${row.id} answers ${size} queries per call: its times are those of a call divided by ${size}, ` +
        'and its percentiles are those of such averages',
    ]
  })
  return [...new Set(lines)]
}

/** One line for the builds of one index in one setting. */
function describeBuilds({ paths }: BenchResult): string[] {
  const lines = paths.flatMap((row) => {
    if (row.status !== 'ok' || row.builds === undefined) return []
    const { build: _, ...params } = row.params
    const { count, recall, p50Ms } = row.builds
    const [least, most] = recall.map(formatRecall)
    const times = p50Ms.map(formatNumber).join(' to ')
    return [
      `${row.id} ${formatParams(params)}: recall ${least} to ${most} and p50 ${times} ms in ${count} builds; ` +
        'the interval of a row is over the queries of its own build',
    ]
  })
  return [...new Set(lines)]
}

function describeShared(result: BenchResult): string[] {
  return [...findCommonParams(result)].map(([id, params]) => `${id}: ${formatParams(params)} in all rows`)
}

function describeRatios({ comparisons, paths, environment }: BenchResult): string[] {
  const compared = comparisons.map(({ subject, baseline, ratio, ci95: [low, high] }) => {
    const load = nameLoad({ kind: 'closed', clients: subject.clients ?? 1 })
    const conditions = [formatParams(subject.params), load].filter((part) => part !== '').join(' ')
    // A ratio of times: what takes half of the time is twice as fast.
    return (
      `${subject.id} is ${(1 / ratio).toFixed(2)} times as fast as ${baseline.id} (${conditions}), ` +
      `95 % interval ${(1 / high).toFixed(2)} to ${(1 / low).toFixed(2)}`
    )
  })
  const scans = paths
    .filter((row) => row.status === 'ok')
    .filter((row) => row.scan !== undefined && row.id === 'addon-exact')
    .map(
      (row) =>
        `${row.id} (${formatParams(row.params)}) reads ${formatNumber(row.scan!.gbps)} GB/s: ` +
        `${row.scan!.ofReadBandwidth.toFixed(2)} x the read bandwidth of one thread ` +
        `(${formatNumber(environment.readBandwidthGBps)} GB/s)`,
    )
  return [...compared, ...scans]
}

function describeCaveats({ paths }: BenchResult): string[] {
  return paths.flatMap((row) => {
    if (row.status !== 'ok' || row.caveat === undefined) return []
    return [`${nameSetting(row.id, row.params)}: ${row.caveat}`]
  })
}

function describeUnavailable({ paths }: BenchResult): string[] {
  return paths.flatMap((row) => {
    if (row.status === 'ok') return []
    const name = nameSetting(row.id, row.params)
    return [`${name} ${row.status}: ${row.reason}`]
  })
}
