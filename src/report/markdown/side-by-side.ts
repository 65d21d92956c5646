import { describeRun } from '../notes.js'
import {
  compareResults,
  describePairs,
  joinRows,
  listSharedColumns,
  type NamedResult,
} from '../side-by-side.js'
import { escapeText, renderList, renderTable } from './fragments.js'

/** Several results as a Markdown fragment: what keeps them from being compared, what differs, and all figures. */
export function renderMarkdownSideBySide(results: readonly NamedResult[]): string {
  const pairs = compareResults(results)
  const obstacles = pairs.flatMap((pair) => pair.obstacles)
  const warnings = results.flatMap(({ name, result }) =>
    result.warnings.map((warning) => `Warning of ${name}: ${warning}`),
  )
  return `${[
    ...(obstacles.length > 0 ? [...obstacles.map((line) => `**${escapeText(line)}**`), ''] : []),
    ...renderList(describePairs(pairs)),
    '',
    ...renderTable(listSharedColumns(results), joinRows(results)),
    '',
    ...renderList(
      results.flatMap(({ name, result }) => describeRun(result).map((line) => `${name}: ${line}`)),
    ),
    ...(warnings.length > 0 ? ['', ...renderList(warnings)] : []),
  ].join('\n')}\n`
}
