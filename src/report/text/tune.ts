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
import { layOutTable } from './text-table.js'

/** The report for a terminal or a pipe. */
export function renderTune(result: TuneResult): string {
  const wide = Number.POSITIVE_INFINITY
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
    ...(failures.length > 0 ? ['', ...failures.map((line) => `failed: ${line}`)] : []),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
    describeCost(result),
  ].join('\n')}\n`
}
