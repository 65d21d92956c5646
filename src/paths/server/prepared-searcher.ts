import type { SearchCost } from '../../result/row-studies.js'
import type { Hits, Plan, Searcher } from '../search-path.js'
import { explainStatement } from './plan.js'
import type { PreparedSearch } from './prepared-search.js'
import { measureSearchCost } from './search-cost.js'
import { encodeParameter } from './vector-codec.js'

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

  async measureCost(queries: readonly Float32Array[], limitMs: number): Promise<SearchCost> {
    // Once, so that the statement is prepared and what it needs of the catalogues is read.
    await this.search(queries[0]!)
    return measureSearchCost(this.#search, queries, limitMs)
  }

  async close(): Promise<void> {
    await this.#search.session.close()
  }
}
