import { SimdgresError } from '../errors.js'
import type { ConnectionInfo } from '../targets/target.js'
import type { PathContext } from './path-context.js'
import type {
  Availability,
  Corpus,
  Design,
  Hits,
  IndexStats,
  LoadStats,
  PathFacts,
  Plan,
  Searcher,
  SearchPath,
  Variant,
} from './search-path.js'
import { sessionSettings } from './server/forced-settings.js'
import { explainStatement } from './server/plan.js'
import type { PreparedStatement, Session } from './server/session.js'
import { encodeParameter, type VectorFormat } from './server/vector-codec.js'
import type { Workspace } from './server/workspace.js'

/** How one variant is searched. */
export interface ServerSearch {
  /** One parameter, the query vector; its first column is the id, nearest first. */
  readonly text: string
  /** Server parameters of a session that searches it. */
  readonly settings: Readonly<Record<string, string>>
  /** What the plan has to say; if the planner does something else, the row would carry a wrong name. */
  readonly expectedPlan: readonly RegExp[]
}

/** What was loaded and built in the server. */
export interface ServerCorpusParts {
  readonly load?: LoadStats
  readonly index?: IndexStats
  readonly variants: readonly Variant[]
  describe(variant: Variant): ServerSearch
}

/** What a path inside the server consists of; connections, statements and checks are the same for all. */
export interface ServerPathDefinition {
  readonly format: VectorFormat
  /** Server parameters of all its sessions. */
  readonly settings: Readonly<Record<string, string>>
  readonly designs: readonly Design[]
  isAvailable(workspace: Workspace): Promise<Availability>
  prepare(workspace: Workspace, design: Design): Promise<ServerCorpusParts>
}

export function createServerPath(
  facts: PathFacts,
  context: PathContext,
  definition: ServerPathDefinition,
): SearchPath {
  const { workspace } = context
  return {
    ...facts,
    async isAvailable() {
      if (workspace !== undefined) return definition.isAvailable(workspace)
      return { available: false, reason: 'This run has no server; choose one with --target.' }
    },
    designs: () => definition.designs,
    async prepare(design) {
      const parts = await definition.prepare(workspace!, design)
      const { load, index } = parts
      return {
        path: facts,
        design,
        ...(load && { load }),
        ...(index && { index }),
        variants: () => parts.variants,
        open: (variant, server) =>
          openSearcher({
            context,
            definition,
            name: facts.id,
            variant,
            search: parts.describe(variant),
            server,
          }),
        // The workspace removes the tables: paths share them.
        dispose: async () => undefined,
      } satisfies Corpus
    },
  }
}

interface OpenTask {
  readonly context: PathContext
  readonly definition: ServerPathDefinition
  readonly name: string
  readonly variant: Variant
  readonly search: ServerSearch
  readonly server: ConnectionInfo | undefined
}

async function openSearcher(task: OpenTask): Promise<Searcher> {
  const { context, definition, name, variant, search, server } = task
  const settings = { ...sessionSettings, ...definition.settings, ...search.settings }
  const session = await context.workspace!.connect({ settings, ...(server && { server }) })
  const statement = { name, text: search.text }
  const searcher = new ServerSearcher(session, statement, definition.format, settings)
  try {
    const { data, dims } = context.dataset.queries
    checkPlan(`${name} ${JSON.stringify(variant)}`, search, await searcher.explain(data.subarray(0, dims)))
    return searcher
  } catch (error) {
    await session.close()
    throw error
  }
}

/** One session with one prepared statement: no other can change its settings, or the plan that is cached in it. */
class ServerSearcher implements Searcher {
  readonly settings: Readonly<Record<string, string>>
  readonly #session: Session
  readonly #statement: PreparedStatement
  readonly #format: VectorFormat

  constructor(
    session: Session,
    statement: PreparedStatement,
    format: VectorFormat,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#session = session
    this.#statement = statement
    this.#format = format
    this.settings = settings
  }

  async search(queries: Float32Array): Promise<readonly Hits[]> {
    return [await this.#session.searchIds(this.#statement, encodeParameter(this.#format, queries))]
  }

  async explain(query: Float32Array): Promise<Plan> {
    // Once, so that the statement is prepared.
    await this.search(query)
    return explainStatement(this.#session, this.#statement.name, this.#format.print(query))
  }

  async close(): Promise<void> {
    await this.#session.close()
  }
}

function checkPlan(name: string, search: ServerSearch, plan: Plan): void {
  const missing = search.expectedPlan.find((expected) => !expected.test(plan.text))
  if (missing === undefined) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The planner does not run ${name} as named: no ${missing} in\n${plan.text}`,
    'Look for server parameters that forbid the plan (enable_*, max_parallel_workers).',
  )
}
