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
import { type Chart, renderChart } from './chart.js'
import { escapeHtml, renderPage } from './page.js'
import { renderHtmlTable } from './table.js'
import { chartConfirmation, chartEffects, chartImportance, chartMaps } from './tune-charts.js'

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
    ...section('What to change', recommendation, () => renderItems(recommendation)),
    ...(await chartSection('On fresh servers', chartConfirmation(result), () =>
      renderHtmlTable(confirmationColumns, confirmation),
    )),
    ...(await chartSection('Queries per second', maps, () => [])),
    ...(await chartSection('How much each knob explains', chartImportance(result), () =>
      renderFolded(renderHtmlTable(importanceColumns, importance)),
    )),
    ...(await chartSection('What each value does', chartEffects(result), () =>
      renderFolded(renderHtmlTable(effectColumns, effects)),
    )),
    ...section('The search', stages, () => renderHtmlTable(stageColumns, stages)),
    ...section('What does not work', failures, () => renderItems(failures)),
    ...section('To know', notes, () => renderItems(notes)),
    ...section('All points', result.points, () =>
      renderHtmlTable(listTuneColumns(result), sortPoints(result)),
    ),
  ])
}

/** Nothing where it would be empty. */
function section(title: string, content: readonly unknown[], render: () => string[]): string[] {
  return content.length === 0 ? [] : ['<section>', `<h2>${escapeHtml(title)}</h2>`, ...render(), '</section>']
}

async function chartSection(
  title: string,
  charts: readonly Chart[],
  renderRest: () => string[],
): Promise<string[]> {
  const figures: string[] = []
  for (const chart of charts) figures.push(...(await renderChart(chart)))
  return section(title, charts, () => ['<div class="charts">', ...figures, '</div>', ...renderRest()])
}

const renderFolded = (lines: readonly string[]) => [
  '<details>',
  '<summary>As a table</summary>',
  ...lines,
  '</details>',
]

const renderItems = (items: readonly string[]) => [
  '<ul>',
  ...items.map((item) => `<li>${escapeHtml(item)}</li>`),
  '</ul>',
]
