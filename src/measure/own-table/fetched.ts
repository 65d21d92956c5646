import { throwIfAborted } from '../../errors.js'
import { type KnownRows, readVector } from '../../paths/own-table/known-rows.js'
import type { ReadOnlyServer } from '../../paths/own-table/read-only.js'
import type { OwnTable } from '../../paths/own-table/table.js'
import { findPathRow } from '../../paths/registry.js'
import type { Corpus, Hits } from '../../paths/search-path.js'
import type { Progress } from '../../progress.js'
import { requireMemory } from '../../system/memory-limit.js'
import { VectorSet } from '../../vectors/vector-set.js'

/** Rows that are asked for at once: their vectors come as text. */
const batchRows = 2000

export interface FetchTask {
  readonly table: OwnTable
  readonly known: KnownRows
  /** By the snapshot. */
  readonly rows: number
  readonly k: number
  readonly threads: number
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * The rows of the table in this process, searched by the addon: what a copy beside the application would be. All of them are read in
 * one transaction.
 * @throws ERR_RESOURCE where they, and a copy of them, do not fit into the memory.
 */
export async function fetchCorpus(server: ReadOnlyServer, task: FetchTask): Promise<Corpus> {
  const { table, known, rows, k, threads } = task
  const { dims, metric } = table
  requireMemory(2 * rows * dims * Float32Array.BYTES_PER_ELEMENT, `fetching ${table.relation}`)
  const start = performance.now()
  const { ids, data } = await fetchRows(server, task)
  const set = VectorSet.from(data, { dims, metric })
  const ms = performance.now() - start
  const { load: _, ...facts } = findPathRow('addon-exact')
  return {
    path: { ...facts, scans: false },
    design: {},
    load: { ms, rowsPerSecond: (ids.length / ms) * 1000 },
    variants: () => [...new Set([1, threads])].map((count) => ({ threads: count })),
    open: async (variant) => ({
      settings: {},
      async search(query): Promise<readonly Hits[]> {
        const found = await set.search(query, { k, threads: Number(variant['threads'] ?? 1) })
        return [found.ids.map((row) => known.numberOf(ids[row]))]
      },
      explain: async () => undefined,
      close: async () => undefined,
    }),
    dispose: async () => set.close(),
  }
}

async function fetchRows(
  server: ReadOnlyServer,
  { table, rows, progress, signal }: FetchTask,
): Promise<{ ids: string[]; data: Float32Array }> {
  const { relation, id, vector, where, dims } = table
  const condition = where === '' ? ' WHERE' : `${where} AND`
  const ids: string[] = []
  let data = new Float32Array(rows * dims)
  const session = await server.connect()
  try {
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    await session.query(
      `DECLARE fetched NO SCROLL CURSOR FOR SELECT ${id}::text AS id, ${vector}::text AS vector FROM ${relation}${condition} ${vector} IS NOT NULL`,
    )
    for (;;) {
      throwIfAborted(signal)
      const batch = await session.query<{ id: string; vector: string }>(
        `FETCH ${batchRows} FROM fetched`,
        [],
        'fetching the rows',
      )
      if (batch.length === 0) break
      // Rows may have come since the snapshot.
      if ((ids.length + batch.length) * dims > data.length) data = enlarge(data, batch.length * dims)
      for (const row of batch) {
        data.set(readVector(row.vector), ids.length * dims)
        ids.push(row.id)
      }
      progress.step('Fetching the rows', Math.min(ids.length, rows), rows)
    }
    await session.query('COMMIT')
    return { ids, data: data.subarray(0, ids.length * dims) }
  } finally {
    await session.close()
  }
}

function enlarge(data: Float32Array<ArrayBuffer>, least: number): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(Math.ceil(1.1 * data.length) + least)
  larger.set(data)
  return larger
}
