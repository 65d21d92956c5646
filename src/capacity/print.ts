import type { CapacityEstimate } from '../result/capacity-schema.js'
import { formatBytes, formatCount, formatDuration, formatNumber, formatRecall } from '../result/numbers.js'
import type { Expected } from './fit.js'
import type { PlannedCapacity } from './run.js'

const bounds: Readonly<Record<CapacityEstimate['bound'], string>> = {
  one: 'one node is enough',
  memory: 'memory decides the shards',
  latency: 'latency decides the shards',
  throughput: 'queries per second decide',
}

/** The estimate as a table, what it was fitted to, and what it takes for granted. */
export function printCapacity({ growth, request, estimate, assumptions }: PlannedCapacity): string {
  const { shards, copies } = estimate
  const asked = [
    `${formatCount(request.rows)} rows of ${growth.dims} dimensions`,
    growth.metric,
    growth.recall === 1 ? 'exact answers' : `recall ${growth.recall}`,
    ...(request.qps === undefined ? [] : [`${formatNumber(request.qps)} queries/s`]),
    ...(request.p95Ms === undefined ? [] : [`p95 within ${formatNumber(request.p95Ms)} ms`]),
  ]
  const each = shards * copies > 1 ? ' of each node' : ''
  return [
    `${asked.join(', ')} (${growth.path}):`,
    '',
    ...align([
      ['', 'expected', 'from', 'to'],
      row('nodes', estimate.nodes, (value) => formatCount(value)),
      ['rows of a shard', formatCount(Math.round(estimate.rowsPerNode)), '', ''],
      row(`memory${each}, for the index`, estimate.memoryBytes, formatBytes),
      [`volume${each}`, formatBytes(estimate.diskBytes), '', ''],
      row('loading a shard', estimate.loadMs, formatTime),
      row('building its index', estimate.buildMs, formatTime),
      row('p50 of a search', estimate.p50Ms, formatMs),
      row('p95 of a search', estimate.p95Ms, formatMs),
      row('queries/s of all nodes', estimate.qps, formatNumber),
    ]),
    '',
    `${layoutOf(shards, copies)}: ${bounds[estimate.bound]}.`,
    '',
    'Measured:',
    ...align([
      ['rows', 'p50', 'p95', 'ns a row', 'recall', 'build', 'index', 'bytes a row'],
      ...growth.points.map((point) => [
        formatCount(point.rows),
        formatMs(point.p50Ms),
        formatMs(point.p95Ms),
        formatNumber((point.p50Ms * 1e6) / point.rows),
        formatRecall(point.recall),
        formatDuration(point.buildMs),
        formatBytes(point.indexBytes),
        formatNumber(point.indexBytes / point.rows),
      ]),
    ]),
    '',
    'Assumptions:',
    ...assumptions.map((sentence) => `- ${sentence}`),
    '',
  ].join('\n')
}

function layoutOf(shards: number, copies: number): string {
  const parts = shards === 1 ? '1 shard' : `${formatCount(shards)} shards`
  return `${parts}, ${copies === 1 ? '1 node' : `${formatCount(copies)} nodes`} for each`
}

const hourMs = 3_600_000

function formatTime(ms: number): string {
  return ms < 2 * hourMs ? formatDuration(ms) : `${formatNumber(ms / hourMs)} h`
}

const formatMs = (ms: number): string => `${formatNumber(ms)} ms`

const row = (name: string, { low, middle, high }: Expected, format: (value: number) => string): string[] => [
  name,
  format(middle),
  format(low),
  format(high),
]

/** The first column to the left, the others to the right. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)))
  return rows.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}
