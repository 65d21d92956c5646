import { countPassing, type RowFilters, readFilterName } from '../../datasets/row-filter.js'
import type { TableColumn } from './copy.js'

/** Not indexed: what an index of its own would do for a filter is a question of another kind. */
const columnName = 'place'

/** Columns that the tables of a run have for its filters. */
export function listFilterColumns(filters: RowFilters | undefined): TableColumn[] {
  if (filters === undefined) return []
  const { places } = filters
  return [{ name: columnName, type: 'int4', compute: (_, row) => places[row]! }]
}

/** A filter as a part of a statement. */
export interface FilterClause {
  /** Behind the table, with a space before it; empty where nothing is filtered. */
  readonly where: string
  /** What the plan has to say then. */
  readonly expectedPlan: readonly RegExp[]
}

/** @param name of a variant's filter: `1%`; undefined for all rows. */
export function describeFilter({ places }: RowFilters, name: unknown): FilterClause {
  if (name === undefined) return { where: '', expectedPlan: [] }
  const count = countPassing(places.length, readFilterName(name))
  // The planner names the table where a statement has several.
  const expected = new RegExp(`Filter: \\((\\w+\\.)?${columnName} < ${count}\\)`)
  return { where: ` WHERE ${columnName} < ${count}`, expectedPlan: [expected] }
}
