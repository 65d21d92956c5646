import type { Metric } from '../vectors/metric.js'
import type { PathContext } from './path-context.js'
import type { Availability, PathFacts, SearchPath } from './search-path.js'
import { listFilterColumns } from './server/filter-clause.js'
import { buildIndex, type IndexBuild } from './server/index-build.js'
import { metricOperators } from './server/metric-operators.js'
import { vectorFormat } from './server/vector-codec.js'
import {
  listStorages,
  loadTable,
  maxVectorDims,
  readStorage,
  type TableSpec,
  warm,
} from './server/vector-table.js'
import { schemaName, type Workspace } from './server/workspace.js'
import { createServerPath } from './server-path.js'

/** The index method has a class for each of these. */
const operatorClasses: Readonly<Partial<Record<Metric, string>>> = {
  l2: 'vector_l2_ops',
  cosine: 'vector_cosine_ops',
  ip: 'vector_ip_ops',
}

/**
 * The extension's index, which is exact: pgvector's own operator and type, answered from codes with proved bounds. On a table
 * of its own, so that no other path's statement can use it.
 */
export function createExtensionIndexPath(facts: PathFacts, context: PathContext): SearchPath {
  const { dataset, k } = context
  const { metric, base } = dataset
  return createServerPath(facts, context, {
    format: vectorFormat,
    // The row is about the index, not about the planner.
    settings: { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' },
    isAvailable: (workspace) => checkMethod(workspace, context),
    designs: [{ storage: listStorages(base.dims)[0]! }],
    async prepare(workspace, design) {
      const storage = readStorage(design, base.dims)
      const table = `vectors_extension_index_${storage}`
      const spec: TableSpec = {
        ...{ name: table, type: 'vector', storage },
        columns: listFilterColumns(context.filters),
      }
      const load = await loadTable(workspace, dataset, spec)
      const name = `${table}_index`
      const task: IndexBuild = {
        name,
        rows: base.rows,
        statement: `CREATE INDEX ${name} ON ${schemaName}.${table} USING simdgres (embedding ${operatorClasses[metric]})`,
      }
      const index = await workspace.once(
        name,
        () => buildIndex(workspace, task),
        () => warm(workspace, `${schemaName}.${name}`),
      )
      const order = `embedding ${metricOperators[metric].operator} $1::vector`
      return {
        load,
        index,
        table: spec,
        variants: [{}],
        describe: (_, where) => ({
          text: `SELECT id FROM ${schemaName}.${table}${where} ORDER BY ${order} LIMIT ${k}`,
          settings: {},
          expectedPlan: [new RegExp(`Index Scan using ${name}\\b`)],
        }),
      }
    },
  })
}

async function checkMethod(
  workspace: Workspace,
  { dataset: { metric, base } }: PathContext,
): Promise<Availability> {
  if (operatorClasses[metric] === undefined) {
    const reason = `The extension's index has no operator class for ${metric}; use extension-exact.`
    return { available: false, reason }
  }
  if (base.dims > maxVectorDims) {
    const [most, given] = [maxVectorDims, base.dims].map((count) => count.toLocaleString('en-US'))
    const reason = `pgvector's type holds at most ${most} dimensions, and these vectors have ${given}; use addon-levels.`
    return { available: false, reason }
  }
  const installed = workspace.availability('simdgres')
  if (!installed.available) return installed
  const [method] = await workspace.session.query("SELECT 1 FROM pg_am WHERE amname = 'simdgres'")
  if (method !== undefined) return { available: true }
  const reason =
    'The database has the objects of an older simdgres; run ALTER EXTENSION simdgres UPDATE in it.'
  return { available: false, reason }
}
