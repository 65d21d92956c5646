import type { PathContext } from './path-context.js'
import type { Availability, PathFacts, SearchPath } from './search-path.js'
import { listFilterColumns } from './server/filter-clause.js'
import {
  allowWorkers,
  expectScan,
  readTableWorkers,
  readWorkers,
  scanSettings,
  setTableWorkers,
} from './server/parallel-scan.js'
import { vectorFormat } from './server/vector-codec.js'
import { listStorages, loadTable, maxVectorDims, readStorage, type TableSpec } from './server/vector-table.js'
import { schemaName, type Workspace } from './server/workspace.js'
import { createServerPath } from './server-path.js'

export interface ExactScan {
  /** What rows are ordered by; `$1` is the query. */
  readonly orderBy: string
  isAvailable(workspace: Workspace): Promise<Availability>
}

/**
 * Exact search by reading every row of a table of `vector`. All paths of this kind read the same heap under the
 * same settings, so what differs between them is the distance alone.
 */
export function createExactScan(facts: PathFacts, context: PathContext, scan: ExactScan): SearchPath {
  const { dataset, k } = context
  const { dims } = dataset.base
  return createServerPath(facts, context, {
    format: vectorFormat,
    settings: { plan_cache_mode: 'force_generic_plan' },
    async isAvailable(workspace) {
      if (dims <= maxVectorDims) return scan.isAvailable(workspace)
      const [most, given] = [maxVectorDims, dims].map((count) => count.toLocaleString('en-US'))
      const reason = `pgvector's type holds at most ${most} dimensions, and these vectors have ${given}; use sql or addon-exact.`
      return { available: false, reason }
    },
    designs: listStorages(dims).map((storage) => ({ storage })),
    async prepare(workspace, design) {
      const storage = readStorage(design, dims)
      const own = readTableWorkers(design)
      const name = own === undefined ? `vectors_${storage}` : `vectors_${storage}_workers${own}`
      const table = `${schemaName}.${name}`
      const spec: TableSpec = {
        ...{ name, type: 'vector', storage },
        columns: listFilterColumns(context.filters),
      }
      const load = await loadTable(workspace, dataset, spec)
      if (own !== undefined) await setTableWorkers(workspace.session, table, own)
      const configured = await readWorkers(workspace.session)
      return {
        load,
        table: spec,
        variants: [...new Set([0, configured])].map((workers) => ({ workers })),
        describe: ({ workers = configured }, where) => ({
          text: `SELECT id FROM ${table}${where} ORDER BY ${scan.orderBy} LIMIT ${k}`,
          settings: scanSettings(Number(workers)),
          arrange: (session) => allowWorkers(session, table, Number(workers)),
          expectedPlan: expectScan(name, Number(workers)),
        }),
        // It forces nothing, but what the table has, it has.
        asIs: async (session) =>
          own === undefined ? allowWorkers(session, table, 0) : { parallel_workers: String(own) },
      }
    },
  })
}
