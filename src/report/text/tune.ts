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
import { layOutTable } from './text-table.js'

/** The report for a terminal or a pipe. */
export function renderTune(result: TuneResult): string {
  const wide = Number.POSITIVE_INFINITY
  const stages = listStageRows(result)
  const confirmed = result.confirmation ?? []
  const recommended = describeRecommendation(result)
  const failures = describeFailures(result)
  const notes = [
    ...describeShortRecalls(result).map((line) => `recall: ${line}`),
    ...result.warnings.map((line) => `warning: ${line}`),
  ]
  return `${[
    ...describeTuning(result),
    '',
    ...layOutTable(listTuneColumns(result), sortPoints(result), wide),
    ...(result.effects.length > 0 ? ['', ...layOutTable(effectColumns, result.effects, wide)] : []),
    ...(result.importance.length > 0 ? ['', ...layOutTable(importanceColumns, result.importance, wide)] : []),
    ...(stages.length > 0 ? ['', ...layOutTable(stageColumns, stages, wide)] : []),
    ...(confirmed.length > 0 ? ['', ...layOutTable(confirmationColumns, confirmed, wide)] : []),
    ...(failures.length > 0 ? ['', ...failures.map((line) => `failed: ${line}`)] : []),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
    describeCost(result),
    ...(recommended.length > 0 ? ['', ...recommended] : []),
  ].join('\n')}\n`
}
