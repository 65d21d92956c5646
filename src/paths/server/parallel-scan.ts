import type { Session } from './session.js'

/** A sequential scan, serial or with exactly `workers` parallel workers planned. */
export function expectScan(table: string, workers: number): RegExp[] {
  const relation = table.slice(table.indexOf('.') + 1)
  if (workers === 0) return [new RegExp(`^ *-> *Seq Scan on ${relation}\\b`, 'm')]
  return [new RegExp(`Parallel Seq Scan on ${relation}\\b`), new RegExp(`Workers Planned: ${workers}\\b`)]
}

/**
 * Storage parameter of a table whose scans take as many workers as the session allows (this is the largest value). The
 * planner's own estimate grows with the logarithm of the heap's pages: it gives a small table, or one of out-of-line
 * vectors, too few of them, or none.
 */
export const parallelWorkersOption = 'parallel_workers = 1024'

/** Settings under which the planner takes exactly `workers` workers for a table with `parallelWorkersOption`. */
export function scanSettings(workers: number): Record<string, string> {
  return {
    max_parallel_workers_per_gather: String(workers),
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
