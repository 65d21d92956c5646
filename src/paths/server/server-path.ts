import { SimdgresError } from '../../errors.js'
import type {
  Availability,
  Hits,
  PathContext,
  PathId,
  PreparedVariant,
  SearchPath,
  Variant,
} from '../search-path.js'
import type { PreparedStatement, Session } from './session.js'
import { encodeParameter, type VectorFormat } from './vector-codec.js'
import type { Workspace } from './workspace.js'

/** How one variant is searched. */
export interface ServerSearch {
  /** One parameter, the query vector; its first column is the id, nearest first. */
  readonly text: string
  /** Server parameters of the session while the variant is used. */
  readonly settings: Readonly<Record<string, string>>
  /** What EXPLAIN has to say; if the planner does something else, the row would carry a wrong name. */
  readonly expectedPlan: readonly RegExp[]
}

/** What a path inside the server consists of; connections, statements and checks are the same for all. */
export interface ServerPathDefinition {
  readonly id: PathId
  readonly exact: boolean
  readonly format: VectorFormat
  /** Server parameters of the path's session from the start. */
  readonly settings: Readonly<Record<string, string>>
  isAvailable(workspace: Workspace): Availability
  prepare(workspace: Workspace, session: Session): Promise<readonly PreparedVariant[]>
  describe(variant: Variant): ServerSearch
}

/**
 * In every session of a path. JIT compiles per execution what runs for milliseconds, and costs more than it
 * gains on every statement here (measured: plain SQL on 20,000 x 100 is 1.1 to 1.5 times slower with it).
 */
export const sessionSettings = { jit: 'off' }

export function createServerPath(
  context: PathContext,
  define: (context: PathContext) => ServerPathDefinition,
): SearchPath {
  return new ServerPath(context, define(context))
}

class ServerPath implements SearchPath {
  readonly batchSize = 1
  readonly #context: PathContext
  readonly #definition: ServerPathDefinition
  /**
   * A statement per variant, made when its plan has been checked. They are not shared, because a cached plan would
   * outlive a change of the planner's settings.
   */
  readonly #statements = new Map<string, PreparedStatement>()
  #session: Session | undefined
  #current: PreparedStatement | undefined

  constructor(context: PathContext, definition: ServerPathDefinition) {
    this.#context = context
    this.#definition = definition
  }

  get id(): PathId {
    return this.#definition.id
  }

  get exact(): boolean {
    return this.#definition.exact
  }

  async isAvailable(): Promise<Availability> {
    const { workspace } = this.#context
    if (workspace === undefined) {
      return { available: false, reason: 'This run has no server; choose one with --target.' }
    }
    return this.#definition.isAvailable(workspace)
  }

  async prepare(): Promise<readonly PreparedVariant[]> {
    const workspace = this.#context.workspace!
    this.#session = await workspace.connect({ ...sessionSettings, ...this.#definition.settings })
    return this.#definition.prepare(workspace, this.#session)
  }

  async use(variant: Variant): Promise<void> {
    const search = this.#definition.describe(variant)
    for (const [name, value] of Object.entries(search.settings)) await this.#session!.set(name, value)
    const key = JSON.stringify(variant)
    const known = this.#statements.get(key)
    this.#current = known ?? { name: `${this.id} ${this.#statements.size}`, text: search.text }
    if (known !== undefined) return
    const { data, dims } = this.#context.dataset.queries
    checkPlan(`${this.id} ${key}`, search, await this.explain(data.subarray(0, dims)))
    this.#statements.set(key, this.#current)
  }

  async search(queries: Float32Array): Promise<readonly Hits[]> {
    const parameter = encodeParameter(this.#definition.format, queries)
    return [await this.#session!.searchIds(this.#current!, parameter)]
  }

  async explain(query: Float32Array): Promise<string> {
    const rows = await this.#session!.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN ${this.#current!.text}`,
      [encodeParameter(this.#definition.format, query)],
      'asking for a plan',
    )
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }

  async dispose(): Promise<void> {
    await this.#session?.close()
    this.#session = undefined
  }
}

function checkPlan(name: string, search: ServerSearch, plan: string): void {
  const missing = search.expectedPlan.find((expected) => !expected.test(plan))
  if (missing === undefined) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The planner does not run ${name} as named: no ${missing} in\n${plan}`,
    'Look for server parameters that forbid the plan (enable_*, max_parallel_workers).',
  )
}
