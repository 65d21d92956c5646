import type { SearchCost, WhileInserting } from '../../result/row-studies.js'
import type { Lane } from '../lane/lane.js'
import type { MeasuredCold } from './cold.js'

/** What is found out about a row beside its speed and recall. */
export interface RowStudies {
  readonly cost?: SearchCost | undefined
  readonly cold?: MeasuredCold | undefined
  readonly inserting?: WhileInserting | undefined
}

export type Studies = ReadonlyMap<Lane, RowStudies>
