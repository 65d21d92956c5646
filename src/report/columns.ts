import type { BenchResult, Measurement } from '../result/schema.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMargin,
  formatNumber,
  formatRecall,
} from './numbers.js'

type Params = Measurement['params']

export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Narrow terminals lose the columns with the highest number first; 0 always stays. */
  readonly dropOrder: number
  cell(row: Measurement): string
}

/** With fewer calls than this, a percentile is no more than the slowest call. */
const leastForP99 = 100
const leastForP95 = 20

/** The columns of every report. Recall stands before the speeds and is never dropped. */
export function listColumns(result: BenchResult): Column[] {
  const common = findCommonParams(result)
  return [
    text('path', 0, (row) => row.id),
    text('settings', 0, (row) => formatParams(row.params, common.get(row.id))),
    figure('recall', 0, (row) => (row.recall === undefined ? '-' : formatRecall(row.recall.mean))),
    figure('p50 ms', 0, (row) => formatNumber(row.latencyMs.p50)),
    figure('p95 ms', 4, (row) => (row.calls < leastForP95 ? '-' : formatNumber(row.latencyMs.p95))),
    figure('p99 ms', 2, (row) => (row.calls < leastForP99 ? '-' : formatNumber(row.latencyMs.p99))),
    figure('qps', 0, (row) => formatNumber(row.qps.value)),
    figure('±95 %', 1, (row) => formatMargin(row.qps.value, row.qps.ci95)),
    figure('GB/s', 3, (row) => (row.scan === undefined ? '-' : formatNumber(row.scan.gbps))),
    figure('load rows/s', 7, (row) => (row.load === undefined ? '-' : formatNumber(row.load.rowsPerSecond))),
    figure('build', 6, (row) => (row.index === undefined ? '-' : formatDuration(row.index.buildMs))),
    figure('index', 8, (row) => (row.index === undefined ? '-' : formatBytes(row.index.bytes))),
    figure('queries', 5, (row) => formatCount(row.queries)),
  ]
}

function text(title: string, dropOrder: number, cell: (row: Measurement) => string): Column {
  return { title, align: 'left', dropOrder, cell }
}

function figure(title: string, dropOrder: number, cell: (row: Measurement) => string): Column {
  return { title, align: 'right', dropOrder, cell }
}

/** Measured rows, the fastest first. */
export function sortRows(result: BenchResult): Measurement[] {
  return result.paths.filter((row) => row.status === 'ok').sort((a, b) => b.qps.value - a.qps.value)
}

/** Parameters that all rows of a path with several rows share: said once below the table. */
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

export function formatParams(params: Params, without: Params = {}): string {
  return Object.entries(params)
    .filter(([name]) => !(name in without))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
