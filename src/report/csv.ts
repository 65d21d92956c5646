import type { Measurement, ResultRow } from '../result/schema.js'
import { median, sortSamples } from '../stats/samples.js'
import { formatParams } from './columns.js'
import type { NamedResult } from './side-by-side.js'

type Cell = string | number | boolean | undefined

/** Name of a column, and what stands in it: numbers as they are in the result, with the unit in the name. */
const columns: readonly (readonly [name: string, read: (named: NamedResult, row: ResultRow) => Cell])[] = [
  ['result', ({ name }) => name],
  ['started_at', ({ result }) => result.startedAt],
  ['dataset', ({ result }) => result.dataset.name],
  ['dataset_rows', ({ result }) => result.dataset.rows],
  ['dims', ({ result }) => result.dataset.dims],
  ['metric', ({ result }) => result.dataset.metric],
  ['k', ({ result }) => result.dataset.k],
  ['path', (_, { id }) => id],
  ['settings', (_, { params }) => formatParams(params)],
  ['exact', (_, { exact }) => exact],
  ['status', (_, { status }) => status],
  ['reason', (_, row) => (row.status === 'ok' ? undefined : row.reason)],
  measured('load', ({ load }) => load.kind),
  measured('clients', ({ load }) => load.clients),
  measured('rate_per_s', ({ load }) => (load.kind === 'open' ? load.rate : undefined)),
  measured('waiting', ({ load }) => (load.kind === 'open' ? load.waiting : undefined)),
  measured('recall', ({ recall }) => recall?.mean),
  measured('recall_low', ({ recall }) => recall?.ci95[0]),
  measured('recall_high', ({ recall }) => recall?.ci95[1]),
  measured('returned', ({ returned }) => returned),
  measured('qps', ({ qps }) => qps.value),
  measured('qps_low', ({ qps }) => qps.ci95[0]),
  measured('qps_high', ({ qps }) => qps.ci95[1]),
  measured('mean_ms', ({ latencyMs }) => latencyMs.mean),
  ...(['p50', 'p95', 'p99'] as const).flatMap((name) => [
    measured(`${name}_ms`, ({ latencyMs }) => latencyMs[name]),
    measured(`${name}_ms_low`, ({ latencyMs }) => latencyMs.percentilesCi95[name]?.[0]),
    measured(`${name}_ms_high`, ({ latencyMs }) => latencyMs.percentilesCi95[name]?.[1]),
  ]),
  measured('queries_per_call', ({ latencyMs }) => latencyMs.averagedOver),
  measured('queries', ({ queries }) => queries),
  measured('distinct_queries', ({ distinctQueries }) => distinctQueries),
  measured('load_ms', ({ loading }) => loading?.ms),
  measured('build_ms', ({ indexBuild }) => indexBuild?.ms),
  measured('index_bytes', ({ indexBuild }) => indexBuild?.bytes),
  measured('encode_ms', ({ cost }) => cost?.encodeMs),
  measured('network_ms', ({ cost }) => cost?.networkMs),
  measured('plan_ms', ({ cost }) => cost?.planMs),
  measured('execute_ms', ({ cost }) => cost?.executeMs),
  measured('decode_ms', ({ cost }) => cost?.decodeMs),
  measured('cold_first_ms', ({ cold }) => cold && median(sortSamples(cold.firstMs))),
  measured('cold_restarts', ({ cold }) => cold?.restarts),
  measured('inserting_rows_per_s', ({ inserting }) => inserting?.reached),
  measured('inserting_p50_ms', ({ inserting }) => inserting?.latencyMs.p50),
  measured('inserting_recall', ({ inserting }) => inserting?.recall.mean),
]

function measured(
  name: string,
  read: (row: Measurement) => Cell,
): readonly [string, (named: NamedResult, row: ResultRow) => Cell] {
  return [name, (_, row) => (row.status === 'ok' ? read(row) : undefined)]
}

/** A line for each row of each result, measured or not, below the names of the columns (RFC 4180). */
export function renderCsv(results: readonly NamedResult[]): string {
  const lines = results.flatMap((named) =>
    named.result.paths.map((row) => columns.map(([, read]) => escapeCell(read(named, row)))),
  )
  return [columns.map(([name]) => name), ...lines].map((cells) => `${cells.join(',')}\r\n`).join('')
}

function escapeCell(cell: Cell): string {
  const text = String(cell ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
