import type { BenchResult } from '../../result/schema.js'
import { listColumns, sortRows } from '../columns.js'
import { describeNotes, describeRun } from '../notes.js'
import { escapeCell, escapeText } from './escape.js'

/** The report as a Markdown fragment: a list of facts, the table, and notes. */
export function renderMarkdown(result: BenchResult): string {
  const columns = listColumns(result)
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`
  const list = (items: readonly string[]) => items.map((item) => `- ${escapeText(item)}`)
  const notes = [...describeNotes(result), ...result.warnings.map((warning) => `Warning: ${warning}`)]
  return `${[
    ...list(describeRun(result)),
    '',
    line(columns.map((column) => column.title)),
    `|${columns.map((column) => (column.align === 'left' ? ':--' : '--:')).join('|')}|`,
    ...sortRows(result).map((row) => line(columns.map((column) => column.cell(row)))),
    ...(notes.length > 0 ? ['', ...list(notes)] : []),
  ].join('\n')}\n`
}
