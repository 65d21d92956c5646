import type { BenchResult } from '../../result/schema.js'
import { listColumns, sortRows } from '../columns.js'
import { describeNotes, describeRun } from '../notes.js'
import { renderList, renderTable } from './fragments.js'

/** The report as a Markdown fragment: a list of facts, the table, and notes. */
export function renderMarkdown(result: BenchResult): string {
  const notes = [...describeNotes(result), ...result.warnings.map((warning) => `Warning: ${warning}`)]
  return `${[
    ...renderList(describeRun(result)),
    '',
    ...renderTable(listColumns(result), sortRows(result)),
    ...(notes.length > 0 ? ['', ...renderList(notes)] : []),
  ].join('\n')}\n`
}
