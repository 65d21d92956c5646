import type { Session } from './session.js'

/** A sequential scan, serial or with exactly `workers` parallel workers planned. */
export function expectScan(table: string, workers: number): RegExp[] {
  const relation = table.slice(table.indexOf('.') + 1)
  if (workers === 0) return [new RegExp(`^ *-> *Seq Scan on ${relation}\\b`, 'm')]
  return [new RegExp(`Parallel Seq Scan on ${relation}\\b`), new RegExp(`Workers Planned: ${workers}\\b`)]
}

/**
 * Settings under which the planner takes `workers` workers for any table: its own estimate counts the pages of
 * the heap only, so it gives a table of out-of-line vectors too few of them, or none.
 */
export function scanSettings(workers: number): Record<string, string> {
  return {
    max_parallel_workers_per_gather: String(workers),
    min_parallel_table_scan_size: '0',
    parallel_setup_cost: '0',
    parallel_tuple_cost: '0',
    enable_indexscan: 'off',
  }
}

/** Parallel workers one query may use in this server as it is configured. */
export async function readWorkers(session: Session): Promise<number> {
  const rows = await session.query<{ setting: string }>(
    `SELECT setting FROM pg_settings WHERE name IN
       ('max_parallel_workers_per_gather', 'max_parallel_workers', 'max_worker_processes')`,
  )
  return Math.min(...rows.map((row) => Number(row.setting)))
}
