import type { Measurement } from '../../result/schema.js'
import { atRecallNote, groupCurves, listAtRecallColumns, sortCurves, titleAtRecall } from '../at-recall.js'
import { groupByBand } from '../bands.js'
import { column, listColumns, sortRows } from '../columns.js'
import { listFactColumns, listFacts } from '../environment.js'
import { findFrontier, groupByWork, places } from '../frontier.js'
import { describeNotes, describeRun } from '../notes.js'
import {
  compareResults,
  describePair,
  driftNote,
  joinRows,
  listSharedColumns,
  type NamedResult,
  type SideBySide,
} from '../side-by-side.js'
import { listSideTables } from '../side-tables.js'
import {
  chartBuilds,
  chartChanges,
  chartCosts,
  chartLatencies,
  chartLoadCurves,
  chartRecallSpeed,
  chartRoundTrips,
} from './charts/bench-charts.js'
import { latencyNote } from './charts/latencies.js'
import { loadCurveNote } from './charts/load-curve.js'
import { recallSpeedNote } from './charts/recall-speed.js'
import { escapeHtml, renderPage } from './page.js'
import { renderChartSection, renderFolded, renderItems, renderParagraph, renderSection } from './sections.js'
import { renderGroupedTable, renderHtmlTable } from './table.js'

/**
 * One result, or several side by side, as one file.
 * @param results their names differ; the others are compared with the first.
 */
export async function renderBenchHtml(results: readonly NamedResult[]): Promise<string> {
  const pairs = compareResults(results)
  const facts = listFacts(results)
  const warnings = label(results, ({ result }) => result.warnings)
  return renderPage(titlePage(results), [
    ...renderObstacles(pairs),
    ...results.flatMap(({ name, result }) => [
      ...(results.length > 1 ? [`<h2>${escapeHtml(name)}</h2>`] : []),
      ...renderItems(describeRun(result)),
    ]),
    ...(warnings.length > 0
      ? [`<p><a href="#warnings">Warnings: ${warnings.length}</a>, each with its next step.</p>`]
      : []),
    ...(await renderChanges(pairs)),
    ...(await renderChartSection('Recall and speed', chartRecallSpeed(results), {
      above: renderParagraph(recallSpeedNote),
      below: renderBest(results),
    })),
    ...renderAtRecall(results),
    ...(await renderChartSection('Latency', chartLatencies(results), {
      above: renderParagraph(latencyNote),
    })),
    ...(await renderChartSection('Latency under load', chartLoadCurves(results), {
      above: renderParagraph(loadCurveNote),
    })),
    ...(await renderChartSection('Indexes', chartBuilds(results))),
    ...(await renderChartSection('Where the time goes', chartCosts(results))),
    ...(await renderChartSection('The way to the server and back', chartRoundTrips(results))),
    ...renderSideTables(results),
    ...renderTables(results),
    ...renderSection('To know', results, () =>
      renderItems(label(results, ({ result }) => describeNotes(result))),
    ),
    ...(warnings.length > 0
      ? ['<section id="warnings">', '<h2>Warnings</h2>', ...renderItems(warnings), '</section>']
      : []),
    ...renderSection('Where it ran', facts, () => renderHtmlTable(listFactColumns(results), facts)),
  ])
}

function titlePage(results: readonly NamedResult[]): string {
  const data = [...new Set(results.map(({ result }) => result.dataset.name))].join(', ')
  const names = results.length > 1 ? ` (${results.map(({ name }) => name).join(', ')})` : ''
  return `simdgres bench: ${data}${names}`
}

/** At the top: what nobody should read past. */
function renderObstacles(pairs: readonly SideBySide[]): string[] {
  const obstacles = pairs.flatMap((pair) => pair.obstacles)
  return obstacles.length === 0 ? [] : ['<div class="stop" role="note">', ...renderItems(obstacles), '</div>']
}

async function renderChanges(pairs: readonly SideBySide[]): Promise<string[]> {
  if (pairs.length === 0) return []
  // Medians have a chart.
  const said = renderItems([
    driftNote,
    ...pairs.flatMap((pair) => [
      describePair(pair),
      ...pair.changes.filter(({ figure }) => figure === 'recall').map(({ row, text }) => `${row}: ${text}`),
    ]),
  ])
  const charts = chartChanges(pairs)
  return charts.length > 0
    ? renderChartSection('What differs', charts, { above: said })
    : renderSection('What differs', said, () => said)
}

/** What a reader can choose from, the most accurate last, as it is numbered in the charts. */
function renderBest(results: readonly NamedResult[]): string[] {
  return results.flatMap(({ name, result }) => {
    const columns = listColumns(result).filter(({ title }) => title !== 'best')
    return groupByWork(result).flatMap((group) => {
      const frontiers = places
        .map((place) => findFrontier(group.rows, place))
        .filter(({ length }) => length > 0)
      if (frontiers.length === 0) return []
      const numbered = frontiers.flat()
      const what = [results.length > 1 ? name : '', group.name].filter(Boolean).join(', ')
      return [
        `<h3>Nothing in the same place is both as accurate and faster${what === '' ? '' : `: ${escapeHtml(what)}`}</h3>`,
        ...renderGroupedTable(
          [column<Measurement>('no.', 'right', (row) => String(numbered.indexOf(row) + 1)), ...columns],
          frontiers,
        ),
      ]
    })
  })
}

function renderAtRecall(results: readonly NamedResult[]): string[] {
  const groups = results.flatMap(({ name, result }) =>
    groupCurves(result).map((group) => ({
      where: [results.length > 1 ? name : '', group.name],
      curves: sortCurves(group.curves),
    })),
  )
  return renderSection('At equal recall', groups, () => [
    ...renderParagraph(atRecallNote),
    ...groups.flatMap(({ where, curves }) =>
      (['p50', 'qps'] as const).flatMap((figure) => [
        `<h3>${escapeHtml(titleAtRecall(figure, ...where))}</h3>`,
        ...renderHtmlTable(listAtRecallColumns(figure), curves),
      ]),
    ),
  ])
}

function renderSideTables(results: readonly NamedResult[]): string[] {
  return results.flatMap(({ name, result }) =>
    listSideTables(result).flatMap(({ title, note, columns, rows }) =>
      renderSection(results.length > 1 ? `${name}: ${title}` : title, rows, () => [
        ...renderParagraph(note),
        ...renderHtmlTable(columns, rows),
      ]),
    ),
  )
}

function renderTables(results: readonly NamedResult[]): string[] {
  const [first] = results
  if (results.length === 1) {
    const rows = sortRows(first!.result)
    return renderSection('All rows', rows, () =>
      renderGroupedTable(listColumns(first!.result), groupByBand(rows)),
    )
  }
  return [
    ...renderSection('Side by side', results, () =>
      renderHtmlTable(listSharedColumns(results), joinRows(results)),
    ),
    ...results.flatMap(({ name, result }) =>
      renderSection(`All rows of ${name}`, sortRows(result), () =>
        renderFolded(renderGroupedTable(listColumns(result), groupByBand(sortRows(result)))),
      ),
    ),
  ]
}

/** Lines of each result, after its name where there are several; what all of them say is said once. */
function label(results: readonly NamedResult[], list: (named: NamedResult) => readonly string[]): string[] {
  if (results.length === 1) return [...list(results[0]!)]
  const said = new Map<string, string[]>()
  for (const named of results) {
    for (const line of list(named)) said.set(line, [...(said.get(line) ?? []), named.name])
  }
  return [...said].map(([line, names]) =>
    names.length === results.length ? line : `${names.join(', ')}: ${line}`,
  )
}
