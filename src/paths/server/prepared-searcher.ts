import type { Hits, Plan, Searcher } from '../search-path.js'
import { explainStatement } from './plan.js'
import type { IdReading, PreparedStatement, Session } from './session.js'
import { encodeParameter, type VectorFormat } from './vector-codec.js'

export interface PreparedSearch extends Pick<IdReading, 'numberOf'> {
  /** Its own: it is closed with the searcher. */
  readonly session: Session
  readonly statement: PreparedStatement
  readonly format: VectorFormat
  readonly settings: Readonly<Record<string, string>>
  /** Every plan that the searcher gives is one that was checked. Throws for another. */
  check(plan: Plan): void
}

/** One session with one prepared statement: no other can change its settings, or the plan that is cached in it. */
export class PreparedSearcher implements Searcher {
  readonly #search: PreparedSearch

  constructor(search: PreparedSearch) {
    this.#search = search
  }

  get settings(): Readonly<Record<string, string>> {
    return this.#search.settings
  }

  async search(query: Float32Array): Promise<readonly Hits[]> {
    const { session, statement, format } = this.#search
    return [await session.searchIds(statement, encodeParameter(format, query), this.#search)]
  }

  async explain(query: Float32Array): Promise<Plan> {
    // Once, so that the statement is prepared.
    await this.search(query)
    const { session, statement, format } = this.#search
    const plan = await explainStatement(session, statement.name, format.print(query))
    this.#search.check(plan)
    return plan
  }

  async close(): Promise<void> {
    await this.#search.session.close()
  }
}
