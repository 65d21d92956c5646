import type { Availability, PathContext, PathId, PreparedVariant, SearchPath } from './search-path.js'
import { expectScan, readWorkers, scanSettings } from './server/parallel-scan.js'
import { createServerPath } from './server/server-path.js'
import { vectorFormat } from './server/vector-codec.js'
import { listStorages, loadTable } from './server/vector-table.js'
import { schemaName, type Workspace } from './server/workspace.js'

export interface ExactScan {
  readonly id: PathId
  /** What rows are ordered by; `$1` is the query. */
  readonly orderBy: string
  isAvailable(workspace: Workspace): Availability
}

/**
 * Exact search by reading every row of a table of `vector`. All paths of this kind read the same heap under the
 * same settings, so what differs between them is the distance alone.
 */
export function createExactScan(context: PathContext, scan: ExactScan): SearchPath {
  return createServerPath(context, ({ dataset, k }) => ({
    id: scan.id,
    exact: true,
    format: vectorFormat,
    settings: { plan_cache_mode: 'force_generic_plan' },
    isAvailable: (workspace) => scan.isAvailable(workspace),
    async prepare(workspace, session) {
      const configured = await readWorkers(session)
      const prepared: PreparedVariant[] = []
      for (const storage of listStorages(dataset.base.dims)) {
        const { load } = await loadTable(workspace, dataset, {
          name: tableOf(storage),
          type: 'vector',
          storage,
        })
        for (const workers of new Set([0, configured])) prepared.push({ variant: { storage, workers }, load })
      }
      return prepared
    },
    describe({ storage, workers }) {
      const table = tableOf(storage)
      return {
        text: `SELECT id FROM ${schemaName}.${table} ORDER BY ${scan.orderBy} LIMIT ${k}`,
        settings: scanSettings(Number(workers)),
        expectedPlan: expectScan(table, Number(workers)),
      }
    },
  }))
}

function tableOf(storage: unknown): string {
  return `vectors_${storage}`
}
