import { invalidArgument } from '../../errors.js'
import type { Design } from '../search-path.js'
import type { Session } from './session.js'

/** A sequential scan, serial or with exactly `workers` parallel workers planned. */
export function expectScan(table: string, workers: number): RegExp[] {
  const relation = table.slice(table.indexOf('.') + 1)
  if (workers === 0) return [new RegExp(`^ *-> *Seq Scan on ${relation}\\b`, 'm')]
  return [new RegExp(`Parallel Seq Scan on ${relation}\\b`), new RegExp(`Workers Planned: ${workers}\\b`)]
}

/** Settings under which the planner takes exactly `workers` workers, where the table's size does not keep it from that. */
export function scanSettings(workers: number): Record<string, string> {
  return {
    max_parallel_workers_per_gather: String(workers),
    min_parallel_table_scan_size: '0',
    parallel_setup_cost: '0',
    parallel_tuple_cost: '0',
    enable_indexscan: 'off',
  }
}

/** The largest value there is: as many workers as the session allows. */
const anyNumber = 1024

/**
 * Lets scans of `table` take `workers` workers, also where it is too small for them in the planner's eyes: even with
 * `min_parallel_table_scan_size = 0` that is one, and one more for each power of 3 in its pages. What is larger is left
 * alone, because a storage parameter is there for sessions that force nothing, too.
 * @returns the storage parameters of the table, for the row.
 */
export async function allowWorkers(
  session: Session,
  table: string,
  workers: number,
): Promise<Record<string, string>> {
  const [row] = await session.query<{ pages: number; is_set: boolean }>(
    `SELECT greatest(1, pg_relation_size(oid) / current_setting('block_size')::int)::int AS pages,
            coalesce(reloptions @> $2, false) AS is_set
       FROM pg_class WHERE oid = $1::regclass`,
    [table, [`parallel_workers=${anyNumber}`]],
  )
  const { pages, is_set: isSet } = row!
  const natural = 1 + Math.floor(Math.log(pages) / Math.log(3) + rounding)
  if (!isSet && workers <= natural) return {}
  if (!isSet) await session.query(`ALTER TABLE ${table} SET (parallel_workers = ${anyNumber})`)
  return { parallel_workers: String(anyNumber) }
}

/**
 * The workers that a design gives its table, whatever its size; undefined where it leaves them to the planner (`auto`).
 * @throws ERR_INVALID_ARGUMENT for what is no number of workers.
 */
export function readTableWorkers({ parallel_workers: workers = 'auto' }: Design): number | undefined {
  if (workers === 'auto') return undefined
  if (typeof workers === 'number' && Number.isInteger(workers) && workers >= 0 && workers <= anyNumber)
    return workers
  throw invalidArgument('the parallel_workers of a design', `auto, or 0 to ${anyNumber}`, workers)
}

export async function setTableWorkers(session: Session, table: string, workers: number): Promise<void> {
  await session.query(`ALTER TABLE ${table} SET (parallel_workers = ${workers})`)
}

/** The logarithm of a power of 3 may fall just below it. */
const rounding = 1e-9

/** Parallel workers one query may use in this server as it is configured. */
export async function readWorkers(session: Session): Promise<number> {
  const rows = await session.query<{ setting: string }>(
    `SELECT setting FROM pg_settings WHERE name IN
       ('max_parallel_workers_per_gather', 'max_parallel_workers', 'max_worker_processes')`,
  )
  return Math.min(...rows.map((row) => Number(row.setting)))
}
