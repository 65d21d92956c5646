import type { Plan } from '../search-path.js'
import type { IdReading, PreparedStatement, Session } from './session.js'
import type { VectorFormat } from './vector-codec.js'

export interface PreparedSearch extends Pick<IdReading, 'numberOf'> {
  /** Its own: it is closed with the searcher. */
  readonly session: Session
  readonly statement: PreparedStatement
  readonly format: VectorFormat
  readonly settings: Readonly<Record<string, string>>
  /** Every plan that the searcher gives is one that was checked. Throws for another. */
  check(plan: Plan): void
}
