import { nameLoad } from '../result/load-name.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMargin,
  formatNumber,
  formatRecall,
} from '../result/numbers.js'
import type { BenchResult, Measurement } from '../result/schema.js'
import { compareBands } from './bands.js'
import { findBestRows } from './frontier.js'

/** Below a table with that column. */
export const bestNote =
  '* no other row of its place (server or this process) is both as accurate and faster, one question at a time'

type Params = Measurement['params']

export interface Column<Row = Measurement> {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Narrow terminals lose the columns with the highest number first; 0 always stays. */
  readonly dropOrder: number
  cell(row: Row): string
}

/** The columns of every report. Recall stands before the speeds and is never dropped. */
export function listColumns(result: BenchResult): Column[] {
  const common = findCommonParams(result)
  const rows = sortRows(result)
  const best = findBestRows(result)
  const formatReturned = ({ recall, returned = result.dataset.k }: Measurement) =>
    // Rounded down, so that what is missing is seen.
    recall === undefined ? '-' : `${formatNumber(Math.floor(returned * 10) / 10)} of ${result.dataset.k}`
  return [
    text('path', 0, (row) => row.id),
    text('settings', 0, (row) => formatParams(row.params, common.get(row.id))),
    ...(rows.some(({ load }) => nameLoad(load) !== '') ? [text('load', 0, formatLoad)] : []),
    figure('recall', 0, (row) => (row.recall === undefined ? '-' : formatRecall(row.recall.mean))),
    ...(rows.some(({ returned }) => returned !== undefined) ? [figure('rows', 0, formatReturned)] : []),
    figure('p50 ms', 0, (row) => formatNumber(row.latencyMs.p50)),
    figure('p95 ms', 4, (row) => formatOptional(row.latencyMs.p95)),
    figure('p99 ms', 2, (row) => formatOptional(row.latencyMs.p99)),
    figure('qps', 0, (row) => formatNumber(row.qps.value)),
    figure('±95 %', 1, (row) => formatMargin(row.qps.value, row.qps.ci95)),
    text('best', 0, (row) => (best.has(row) ? '*' : '')),
    figure('GB/s', 3, (row) => formatOptional(row.scan?.gbps)),
    figure('load rows/s', 7, (row) => formatOptional(row.loading?.rowsPerSecond)),
    figure('build', 6, (row) => (row.indexBuild === undefined ? '-' : formatDuration(row.indexBuild.ms))),
    figure('index', 8, (row) => (row.indexBuild === undefined ? '-' : formatBytes(row.indexBuild.bytes))),
    figure('queries', 5, (row) => formatCount(row.queries)),
  ]
}

function formatLoad({ load }: Measurement): string {
  if (load.kind === 'open') return `${formatNumber(load.rate)}/s arrive`
  return load.clients === 1 ? '1 client' : `${load.clients} clients`
}

function formatOptional(value: number | undefined): string {
  return value === undefined ? '-' : formatNumber(value)
}

/** A column that stays on every terminal. */
export function column<Row>(
  title: string,
  align: Column<Row>['align'],
  cell: (row: Row) => string,
): Column<Row> {
  return { title, align, dropOrder: 0, cell }
}

function text(title: string, dropOrder: number, cell: (row: Measurement) => string): Column {
  return { title, align: 'left', dropOrder, cell }
}

function figure(title: string, dropOrder: number, cell: (row: Measurement) => string): Column {
  return { title, align: 'right', dropOrder, cell }
}

/**
 * Measured rows, so that the first ones are the best: by recall from .99, .95 and .90 on, and the fastest first among those. Those
 * of one load and filter stand together.
 */
export function sortRows(result: BenchResult): Measurement[] {
  return result.paths
    .filter((row) => row.status === 'ok')
    .sort((a, b) => compareBands(a, b) || b.qps.value - a.qps.value)
}

/** Parameters that several rows of a path share: they are named once, below the table. */
export function findCommonParams(result: BenchResult): Map<string, Params> {
  const common = new Map<string, Params>()
  const rows = sortRows(result)
  for (const { id } of rows) {
    const own = rows.filter((row) => row.id === id).map((row) => row.params)
    if (own.length < 2) continue
    const shared = Object.entries(own[0]!).filter(([name, value]) =>
      own.every((params) => params[name] === value),
    )
    if (shared.length > 0) common.set(id, Object.fromEntries(shared))
  }
  return common
}

/** What is set for a path, in words; the path alone where nothing is. */
export function nameSetting(path: string, params: Params): string {
  return [path, formatParams(params)].filter((part) => part !== '').join(' ')
}

/** The same with the load, where it is not the usual one. */
export function nameRow({ id, params, load }: Measurement): string {
  return [nameSetting(id, params), nameLoad(load)].filter((part) => part !== '').join(' ')
}

export function formatParams(params: Params, without: Params = {}): string {
  return Object.entries(params)
    .filter(([name]) => !(name in without))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
