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
import { confirmationColumns, describeRecommendation, listStageRows, stageColumns } from '../tune-search.js'
import { renderList, renderTable } from './fragments.js'

/** The report as a Markdown fragment. */
export function renderTuneMarkdown(result: TuneResult): string {
  const stages = listStageRows(result)
  const confirmed = result.confirmation ?? []
  const recommended = describeRecommendation(result)
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
    ...(stages.length > 0 ? ['', ...renderTable(stageColumns, stages)] : []),
    ...(confirmed.length > 0 ? ['', ...renderTable(confirmationColumns, confirmed)] : []),
    ...(recommended.length > 0 ? ['', ...renderList(recommended)] : []),
    ...(notes.length > 0 ? ['', ...renderList(notes)] : []),
  ].join('\n')}\n`
}
