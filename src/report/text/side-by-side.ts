import { describeRun } from '../notes.js'
import {
  compareResults,
  describePairs,
  joinRows,
  listSharedColumns,
  type NamedResult,
} from '../side-by-side.js'
import { layOutTable } from './text-table.js'

/** Several results for a terminal or a pipe; what keeps them from being compared comes first. */
export function renderSideBySide(results: readonly NamedResult[]): string {
  const pairs = compareResults(results)
  const obstacles = pairs.flatMap((pair) => pair.obstacles)
  return `${[
    ...(obstacles.length > 0 ? [...obstacles.map((line) => `warning: ${line}`), ''] : []),
    ...results.flatMap(({ name, result }) => describeRun(result).map((line) => `${name}: ${line}`)),
    '',
    ...layOutTable(listSharedColumns(results), joinRows(results), Number.POSITIVE_INFINITY),
    '',
    ...describePairs(pairs),
    ...results.flatMap(({ name, result }) => result.warnings.map((line) => `warning: ${name}: ${line}`)),
  ].join('\n')}\n`
}
