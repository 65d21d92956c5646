import { setTimeout as sleep } from 'node:timers/promises'
import type { Metric } from '../vectors/metric.js'
import type { Availability, IndexStats, PathContext, PathId, SearchPath, Variant } from './search-path.js'
import { metricOperators } from './server/metric-operators.js'
import { createServerPath } from './server/server-path.js'
import type { Session } from './server/session.js'
import { vectorFormat } from './server/vector-codec.js'
import { listStorages, loadTable, maxInlineDims, type Storage, warm } from './server/vector-table.js'
import { schemaName, type Workspace } from './server/workspace.js'

/** How often the progress of a build is asked for. */
const progressIntervalMs = 500

/** An index of pgvector and the knob that trades its speed for recall. */
export interface IndexSearch {
  readonly id: PathId
  readonly method: 'hnsw' | 'ivfflat'
  /** Storage parameters of the index. */
  readonly options: Readonly<Record<string, number>>
  readonly knob: { readonly name: string; readonly parameter: string; readonly values: readonly number[] }
}

/** Approximate search through an index of pgvector, on a table of its own: no plan can pick another's index. */
export function createIndexSearch(context: PathContext, index: IndexSearch): SearchPath {
  const { dataset, k } = context
  const operatorClass = metricOperators[dataset.metric].operatorClasses[index.method]
  const { operator } = metricOperators[dataset.metric]
  const table = `vectors_${index.method}`
  const storage: Storage = listStorages(dataset.base.dims)[0]!
  const name = `${table}_index`
  return createServerPath(context, () => ({
    id: index.id,
    exact: false,
    format: vectorFormat,
    // The planner's cost of an index scan grows with the knob; the row is about the index, not about the planner.
    settings: { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' },
    isAvailable: (workspace) => checkIndex(workspace, index.method, dataset.metric, dataset.base.dims),
    async prepare(workspace, session) {
      const { load } = await loadTable(workspace, dataset, { name: table, type: 'vector', storage })
      const stats = await buildIndex(workspace, session, {
        name,
        rows: dataset.base.rows,
        statement:
          `CREATE INDEX ${name} ON ${schemaName}.${table} USING ${index.method} ` +
          `(embedding ${operatorClass}) WITH (${formatOptions(index.options)})`,
      })
      return index.knob.values.map((value) => ({
        variant: { ...index.options, [index.knob.name]: value } satisfies Variant,
        load,
        index: stats,
      }))
    },
    describe: (variant) => ({
      text: `SELECT id FROM ${schemaName}.${table} ORDER BY embedding ${operator} $1::vector LIMIT ${k}`,
      settings: { [index.knob.parameter]: String(variant[index.knob.name]) },
      expectedPlan: [new RegExp(`Index Scan using ${name}\\b`)],
    }),
  }))
}

function checkIndex(
  workspace: Workspace,
  method: 'hnsw' | 'ivfflat',
  metric: Metric,
  dims: number,
): Availability {
  if (metricOperators[metric].operatorClasses[method] === undefined) {
    return { available: false, reason: `pgvector's ${method} has no operator class for ${metric}; use hnsw.` }
  }
  if (dims > maxInlineDims) {
    return {
      available: false,
      reason: `pgvector indexes vectors of at most ${maxInlineDims} dimensions; these have ${dims}.`,
    }
  }
  return workspace.availability('vector')
}

function formatOptions(options: Readonly<Record<string, number>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ')
}

interface IndexBuild {
  readonly name: string
  readonly rows: number
  readonly statement: string
}

async function buildIndex(workspace: Workspace, session: Session, build: IndexBuild): Promise<IndexStats> {
  const done = new AbortController()
  // A server that goes away is reported by the build itself.
  const watching = watchBuild(workspace, build, done.signal).catch(() => undefined)
  const start = performance.now()
  let buildMs: number
  try {
    await session.query(build.statement, [], `building ${build.name}`)
    buildMs = performance.now() - start
  } finally {
    done.abort()
    await watching
  }
  const size = 'SELECT pg_relation_size($1::regclass) AS bytes'
  const [row] = await session.query<{ bytes: string }>(size, [build.name])
  await warm(workspace, `${schemaName}.${build.name}`)
  return { buildMs, bytes: Number(row!.bytes) }
}

/**
 * Shows how many rows are in the index. The count of blocks would reach its end at once: parallel workers claim all
 * of them long before they are done.
 */
async function watchBuild(
  workspace: Workspace,
  { name, rows }: IndexBuild,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted) {
    const [progress] = await workspace.session.query<{ tuples: string }>(
      `SELECT tuples_done AS tuples FROM pg_stat_progress_create_index WHERE datname = current_database()`,
    )
    if (progress !== undefined) workspace.progress.step(`Building ${name}`, Number(progress.tuples), rows)
    await sleep(progressIntervalMs, undefined, { signal: done }).catch(() => undefined)
  }
}
