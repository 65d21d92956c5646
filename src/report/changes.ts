import type { Compared } from '../result/differences.js'
import { formatNumber, formatRecall } from '../result/numbers.js'
import type { Measurement } from '../result/schema.js'
import { nameRow } from './columns.js'

/** What became of the rows of an earlier run, a line for each. What keeps the two from being compared is `listDifferences`. */
export function describeChanges({ before, now }: Compared): string[] {
  const earlier = new Map(before.paths.flatMap((row) => (row.status === 'ok' ? [[rowKey(row), row]] : [])))
  const rows = now.paths.flatMap((row) => {
    const old = row.status === 'ok' ? earlier.get(rowKey(row)) : undefined
    return row.status === 'ok' && old !== undefined ? [describeRow(old, row)] : []
  })
  return rows.length > 0 ? rows : ['No row of the earlier run was measured again.']
}

function describeRow(old: Measurement, row: Measurement): string {
  const name = nameRow(row)
  const times = `p50 ${formatNumber(old.latencyMs.p50)} → ${formatNumber(row.latencyMs.p50)} ms`
  if (old.recall === undefined || row.recall === undefined) return `${name}: ${times}`
  return `${name}: ${times}, recall ${formatRecall(old.recall.mean)} → ${formatRecall(row.recall.mean)}`
}

/** The same for rows of two results that did the same. */
export function rowKey({ id, params, load }: Measurement): string {
  const sorted = Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([id, sorted, keyOf(load)])
}

/** How late the generator was is no part of what was asked for. */
function keyOf(load: Measurement['load']) {
  return load.kind === 'closed' ? load : { kind: load.kind, rate: load.rate, clients: load.clients }
}
