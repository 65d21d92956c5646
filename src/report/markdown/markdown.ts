import type { BenchResult } from '../../result/schema.js'
import { atRecallNote, groupCurves, listAtRecallColumns, sortCurves, titleAtRecall } from '../at-recall.js'
import { listColumns, sortRows } from '../columns.js'
import { describeNotes, describeRun } from '../notes.js'
import { listSideTables } from '../side-tables.js'
import { escapeText, renderList, renderTable } from './fragments.js'

/** The report as a Markdown fragment: a list of facts, the table, and notes. */
export function renderMarkdown(result: BenchResult): string {
  const notes = [...describeNotes(result), ...result.warnings.map((warning) => `Warning: ${warning}`)]
  return `${[
    ...renderList(describeRun(result)),
    '',
    ...renderTable(listColumns(result), sortRows(result)),
    ...renderAtRecall(result),
    ...renderSideTables(result),
    ...(notes.length > 0 ? ['', ...renderList(notes)] : []),
  ].join('\n')}\n`
}

function renderAtRecall(result: BenchResult): string[] {
  const tables = groupCurves(result).flatMap(({ name, curves }) =>
    (['p50', 'qps'] as const).flatMap((figure) => [
      '',
      `**${titleAtRecall(figure, name)}**`,
      '',
      ...renderTable(listAtRecallColumns(figure), sortCurves(curves)),
    ]),
  )
  return tables.length === 0 ? [] : [...tables, '', atRecallNote]
}

function renderSideTables(result: BenchResult): string[] {
  return listSideTables(result).flatMap(({ title, note, columns, rows }) => [
    '',
    `**${title}**`,
    '',
    ...renderTable(columns, rows),
    '',
    escapeText(note),
  ])
}
