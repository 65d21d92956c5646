import type { TuneResult } from '../../result/tune-schema.js'
import {
  describeCost,
  describeFailures,
  describeShortRecalls,
  describeTuning,
  effectColumns,
  importanceColumns,
  listTuneColumns,
  sortPoints,
} from '../tune-columns.js'
import { renderList, renderTable } from './fragments.js'

/** The report as a Markdown fragment. */
export function renderTuneMarkdown(result: TuneResult): string {
  const notes = [
    ...describeFailures(result).map((line) => `Failed: ${line}`),
    ...describeShortRecalls(result),
    ...result.warnings.map((line) => `Warning: ${line}`),
  ]
  return `${[
    ...renderList([...describeTuning(result), describeCost(result)]),
    '',
    ...renderTable(listTuneColumns(result), sortPoints(result)),
    ...(result.effects.length > 0 ? ['', ...renderTable(effectColumns, result.effects)] : []),
    ...(result.importance.length > 0 ? ['', ...renderTable(importanceColumns, result.importance)] : []),
    ...(notes.length > 0 ? ['', ...renderList(notes)] : []),
  ].join('\n')}\n`
}
