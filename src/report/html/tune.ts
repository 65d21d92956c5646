import type { TunePoint, TuneResult } from '../../result/tune-schema.js'
import { mean } from '../../stats/samples.js'
import {
  describeCost,
  describeFailures,
  describeShortRecalls,
  describeTuning,
  effectColumns,
  importanceColumns,
  listTuneColumns,
  readValue,
  sortPoints,
} from '../tune-columns.js'
import { confirmationColumns, describeRecommendation, listStageRows, stageColumns } from '../tune-search.js'
import { renderHeatMap } from './heat-map.js'
import { escapeHtml, renderPage } from './page.js'
import { renderHtmlTable } from './table.js'

/** The report as one file: heat maps, effects, what has failed, what it has cost, and every point. */
export function renderTuneHtml(result: TuneResult): string {
  const { effects, importance, confirmation = [], dataset, warnings } = result
  const stages = listStageRows(result)
  const failures = describeFailures(result)
  const recommendation = describeRecommendation(result)
  const notes = [...describeShortRecalls(result), ...warnings]
  return renderPage(`simdgres tune: ${dataset.name}`, [
    ...renderItems([...describeTuning(result), describeCost(result)]),
    ...section('What to change', recommendation.length > 0, () => renderItems(recommendation)),
    ...section('On fresh servers', confirmation.length > 0, () =>
      renderHtmlTable(confirmationColumns, confirmation),
    ),
    ...section('Queries per second', result.mode === 'grid', () => drawMaps(result)),
    ...section('How much each knob explains', importance.length > 0, () =>
      renderHtmlTable(importanceColumns, importance),
    ),
    ...section('What each value does', effects.length > 0, () => renderHtmlTable(effectColumns, effects)),
    ...section('The search', stages.length > 0, () => renderHtmlTable(stageColumns, stages)),
    ...section('What does not work', failures.length > 0, () => renderItems(failures)),
    ...section('To know', notes.length > 0, () => renderItems(notes)),
    ...section('All points', true, () => renderHtmlTable(listTuneColumns(result), sortPoints(result))),
  ])
}

function section(title: string, isThere: boolean, render: () => string[]): string[] {
  return isThere ? ['<section>', `<h2>${escapeHtml(title)}</h2>`, ...render(), '</section>'] : []
}

const renderItems = (items: readonly string[]) => [
  '<ul>',
  ...items.map((item) => `<li>${escapeHtml(item)}</li>`),
  '</ul>',
]

/** A map for each path and load, over the first two knobs that have several values; others are averaged. */
function drawMaps(result: TuneResult): string[] {
  const { points, knobs } = result
  const loads = new Map(points.map(({ path, clients }) => [`${path} ${clients}`, { path, clients }]))
  return [...loads.values()].flatMap(({ path, clients }) => {
    const own = points.filter((point) => point.path === path && point.clients === clients)
    const varied = knobs.filter(({ name }) => new Set(own.map((point) => readValue(point, name))).size > 1)
    const [row, column] = varied
    if (row === undefined || column === undefined) return []
    const averaged = varied.slice(2).map(({ name }) => name)
    return renderHeatMap({
      title: `${path}, ${clients} ${clients === 1 ? 'client' : 'clients'}${averaged.length > 0 ? `; mean over ${averaged.join(', ')}` : ''}`,
      rowName: row.name,
      columnName: column.name,
      rows: row.values,
      columns: column.values,
      valueAt: (rowValue, columnValue) =>
        geometricMean(
          own.filter(
            (point) =>
              readValue(point, row.name) === rowValue && readValue(point, column.name) === columnValue,
          ),
        ),
    })
  })
}

function geometricMean(points: readonly TunePoint[]): number | undefined {
  const logs = points.flatMap((point) => (point.status === 'ok' ? [Math.log(point.qps.value)] : []))
  return logs.length === 0 ? undefined : Math.exp(mean(logs))
}
