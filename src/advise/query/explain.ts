import type { ReadOnlyServer } from '../../paths/own-table/read-only.js'
import type { PlanNode } from '../../paths/server/plan.js'
import type { Session } from '../../paths/server/session.js'

/** A node and those above it, the nearest first. */
export interface PlacedNode {
  readonly node: PlanNode
  readonly above: readonly PlanNode[]
}

/** Plans of statements that are not run. */
export class Explainer {
  readonly #free: Session
  readonly #forced: Session

  private constructor(free: Session, forced: Session) {
    this.#free = free
    this.#forced = forced
  }

  static async open(server: ReadOnlyServer): Promise<Explainer> {
    // The values of parameters are not known.
    const generic = { plan_cache_mode: 'force_generic_plan' }
    const free = await server.connect(generic)
    try {
      const off = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off' }
      return new Explainer(free, await server.connect({ ...generic, ...off }))
    } catch (error) {
      await free.close()
      throw error
    }
  }

  /** As the planner chooses, and with what it would prefer to an index taken away. Rejects with what the server says of the statement. */
  async explain(text: string): Promise<{ free: readonly PlacedNode[]; forced: readonly PlacedNode[] }> {
    return { free: await explainIn(this.#free, text), forced: await explainIn(this.#forced, text) }
  }

  async close(): Promise<void> {
    await this.#free.close()
    await this.#forced.close()
  }
}

const name = 'simdgres_advised'

async function explainIn(session: Session, text: string): Promise<PlacedNode[]> {
  // In the extended protocol, which takes one statement alone, whatever the text says.
  const prepare = { text: `PREPARE ${name} AS ${text}`, queryMode: 'extended' }
  await session.run('preparing the query', (client) => client.query(prepare))
  try {
    const [found] = await session.query<{ count: number }>(
      'SELECT cardinality(parameter_types) AS count FROM pg_prepared_statements WHERE name = $1',
      [name],
    )
    const count = found?.count ?? 0
    const values = count === 0 ? '' : `(${Array.from({ length: count }, () => 'NULL').join(', ')})`
    const [row] = await session.query<{ 'QUERY PLAN': readonly [{ Plan: PlanNode }] }>(
      `EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE ${name}${values}`,
      [],
      'asking for a plan',
    )
    return place(row!['QUERY PLAN'][0].Plan, [])
  } finally {
    await session.query(`DEALLOCATE ${name}`)
  }
}

function place(node: PlanNode, above: readonly PlanNode[]): PlacedNode[] {
  return [{ node, above }, ...(node.Plans ?? []).flatMap((child) => place(child, [node, ...above]))]
}
