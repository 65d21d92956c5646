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
import { chartConfirmation, chartEffects, chartImportance, chartMaps } from './charts/tune-charts.js'
import { renderPage } from './page.js'
import { renderChartSection, renderFolded, renderItems, renderSection } from './sections.js'
import { renderHtmlTable } from './table.js'

/** The report as one file: heat maps, effects, what has failed, what it has cost, and every point. */
export async function renderTuneHtml(result: TuneResult): Promise<string> {
  const { effects, importance, confirmation = [], dataset, warnings } = result
  const stages = listStageRows(result)
  const failures = describeFailures(result)
  const recommendation = describeRecommendation(result)
  const notes = [...describeShortRecalls(result), ...warnings]
  const maps = result.mode === 'grid' ? chartMaps(result) : []
  return renderPage(`simdgres tune: ${dataset.name}`, [
    ...renderItems([...describeTuning(result), describeCost(result)]),
    ...renderSection('What to change', recommendation, () => renderItems(recommendation)),
    ...(await renderChartSection('On fresh servers', chartConfirmation(result), {
      below: renderHtmlTable(confirmationColumns, confirmation),
    })),
    ...(await renderChartSection('Queries per second', maps)),
    ...(await renderChartSection('How much each knob explains', chartImportance(result), {
      below: renderFolded(renderHtmlTable(importanceColumns, importance)),
    })),
    ...(await renderChartSection('What each value does', chartEffects(result), {
      below: renderFolded(renderHtmlTable(effectColumns, effects)),
    })),
    ...renderSection('The search', stages, () => renderHtmlTable(stageColumns, stages)),
    ...renderSection('What does not work', failures, () => renderItems(failures)),
    ...renderSection('To know', notes, () => renderItems(notes)),
    ...renderSection('All points', result.points, () =>
      renderHtmlTable(listTuneColumns(result), sortPoints(result)),
    ),
  ])
}
