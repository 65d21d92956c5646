import { setTimeout as sleep } from 'node:timers/promises'
import type { PathContext } from './path-context.js'
import type { Availability, Design, IndexStats, PathFacts, SearchPath } from './search-path.js'
import { metricOperators } from './server/metric-operators.js'
import type { Session } from './server/session.js'
import { vectorFormat } from './server/vector-codec.js'
import { loadTable, maxInlineDims, readStorage, warm } from './server/vector-table.js'
import { schemaName, type Workspace } from './server/workspace.js'
import { createServerPath } from './server-path.js'

/** How often the progress of a build is asked for. */
const progressIntervalMs = 500

/** An index of pgvector and the knob that trades its speed for recall. */
export interface IndexSearch {
  readonly method: 'hnsw' | 'ivfflat'
  /** Storage parameters of the index; a design may name others. */
  readonly options: Readonly<Record<string, number>>
  readonly knob: {
    readonly name: string
    readonly parameter: string
    /** The values worth showing of an index that was built with these storage parameters. */
    values(options: Readonly<Record<string, number>>): readonly number[]
  }
}

/** Approximate search through an index of pgvector, on a table of its own: no plan can pick another's index. */
export function createIndexSearch(facts: PathFacts, context: PathContext, index: IndexSearch): SearchPath {
  const { dataset, k } = context
  const { method, knob } = index
  const { operator } = metricOperators[dataset.metric]
  return createServerPath(facts, context, {
    format: vectorFormat,
    // The planner's cost of an index scan grows with the knob; the row is about the index, not about the planner.
    settings: { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' },
    isAvailable: (workspace) => checkIndex(workspace, method, context),
    designs: [index.options],
    async prepare(workspace, design) {
      const options = readOptions(index, design)
      const table = nameTable(index, design)
      const storage = readStorage(design, dataset.base.dims)
      const load = await loadTable(workspace, dataset, { name: table, type: 'vector', storage })
      const name = `${table}_index`
      const build: IndexBuild = {
        name,
        rows: dataset.base.rows,
        statement:
          `CREATE INDEX ${name} ON ${schemaName}.${table} USING ${method} ` +
          `(embedding ${metricOperators[dataset.metric].operatorClasses[method]}) WITH (${formatOptions(options)})`,
      }
      const built = await workspace.once(
        name,
        () => buildIndex(workspace, build),
        () => warm(workspace, `${schemaName}.${name}`),
      )
      const values = knob.values(options)
      return {
        load,
        index: built,
        variants: values.map((value) => ({ [knob.name]: value })),
        describe: (variant) => ({
          text: `SELECT id FROM ${schemaName}.${table} ORDER BY embedding ${operator} $1::vector LIMIT ${k}`,
          settings: { [knob.parameter]: String(variant[knob.name] ?? values[0]) },
          expectedPlan: [new RegExp(`Index Scan using ${name}\\b`)],
        }),
      }
    },
  })
}

async function checkIndex(
  workspace: Workspace,
  method: 'hnsw' | 'ivfflat',
  { dataset: { metric, base } }: PathContext,
): Promise<Availability> {
  if (metricOperators[metric].operatorClasses[method] === undefined) {
    return { available: false, reason: `pgvector's ${method} has no operator class for ${metric}; use hnsw.` }
  }
  if (base.dims > maxInlineDims) {
    const [most, given] = [maxInlineDims, base.dims].map((count) => count.toLocaleString('en-US'))
    const reason = `pgvector indexes vectors of at most ${most} dimensions, and these have ${given}; use an exact path.`
    return { available: false, reason }
  }
  return workspace.checkVector([method, metric])
}

function readOptions({ options }: IndexSearch, design: Design): Record<string, number> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Number(design[name] ?? value)]),
  )
}

/** The default design has the plain name; others say what they differ in, so that all of them can stand at once. */
function nameTable({ method, options }: IndexSearch, design: Design): string {
  const other = Object.entries(design).filter(([name, value]) => options[name] !== value)
  return [`vectors_${method}`, ...other.map(([name, value]) => `${name}_${value}`)].join('_')
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

async function buildIndex(workspace: Workspace, build: IndexBuild): Promise<IndexStats> {
  // A killed run may have ended before it was noted.
  await workspace.session.query(`DROP INDEX IF EXISTS ${schemaName}.${build.name}`)
  const session = await workspace.connect()
  try {
    const ms = await timeBuild(workspace, session, build)
    const size = 'SELECT pg_relation_size($1::regclass) AS bytes'
    const [row] = await session.query<{ bytes: string }>(size, [build.name])
    await warm(workspace, `${schemaName}.${build.name}`)
    return { ms, bytes: Number(row!.bytes) }
  } finally {
    await session.close()
  }
}

async function timeBuild(workspace: Workspace, session: Session, build: IndexBuild): Promise<number> {
  const done = new AbortController()
  // A server that goes away is reported by the build itself.
  const watching = watchBuild(workspace, build, done.signal).catch(() => undefined)
  const start = performance.now()
  try {
    await session.query(build.statement, [], `building ${build.name}`)
    return performance.now() - start
  } finally {
    done.abort()
    await watching
  }
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
