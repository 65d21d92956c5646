import { formatBytes, formatDuration, formatNumber } from '../../../result/numbers.js'
import type { BenchResult, Measurement } from '../../../result/schema.js'
import { groupByBand, nameBand } from '../../bands.js'
import { findCommonParams, formatParams, nameSetting, sortRows } from '../../columns.js'
import { groupByWork } from '../../frontier.js'
import type { NamedResult, SideBySide } from '../../side-by-side.js'
import { listCosts } from '../../side-tables.js'
import { createAccuracyScale } from './accuracy-scale.js'
import { drawBars } from './bars.js'
import type { Chart } from './chart.js'
import { drawCostBars } from './cost-bars.js'
import { drawIntervals } from './intervals.js'
import { drawLatencies, findLatencyRange } from './latencies.js'
import { drawLoadCurves, listLoadCurves } from './load-curve.js'
import { assignMarkers } from './markers.js'
import { drawRecallSpeed } from './recall-speed.js'

/** A name is only needed beside another one. */
const titleOf = (title: string, name: string, results: readonly NamedResult[]) =>
  results.length > 1 ? `${name}: ${title}` : `${title[0]!.toUpperCase()}${title.slice(1)}`

/** A chart for each filter and load of each result, all on one scale. */
export function chartRecallSpeed(results: readonly NamedResult[]): Chart[] {
  const groups = results.flatMap(({ name, result }) =>
    groupByWork(result).map((group) => ({
      title: titleOf(['recall and speed', group.name].filter(Boolean).join(', '), name, results),
      rows: group.rows,
    })),
  )
  const rows = groups.flatMap((group) => group.rows)
  if (rows.length === 0) return []
  const scale = createAccuracyScale(rows)
  const markers = assignMarkers(rows.map(({ id }) => id))
  return groups.map((group) => drawRecallSpeed({ ...group, scale, markers }))
}

/** A chart for rows that are about as accurate, all on one scale; the same rows of several results stand beside each other. */
export function chartLatencies(results: readonly NamedResult[]): Chart[] {
  const bands = results.flatMap(({ name, result }) => {
    const setting = nameShortly(result)
    return groupByBand(sortRows(result)).map((rows) => ({ name, rows, setting, band: nameBand(rows[0]!) }))
  })
  const range = findLatencyRange(bands.flatMap(({ rows }) => rows))
  const ranks = new Map([...new Set(bands.map(({ band }) => band))].map((band, rank) => [band, rank]))
  return bands
    .sort((a, b) => ranks.get(a.band)! - ranks.get(b.band)!)
    .map(({ name, rows, setting, band }) =>
      drawLatencies(titleOf(`latency, ${band}`, name, results), rows, setting, range),
    )
}

/** What all rows of a path share is said below the charts. */
function nameShortly(result: BenchResult): (row: Measurement) => string {
  const common = findCommonParams(result)
  return ({ id, params }) => [id, formatParams(params, common.get(id))].filter(Boolean).join(' ')
}

/** How long each index took to build, and how large it is. */
export function chartBuilds(results: readonly NamedResult[]): Chart[] {
  const charts = (
    title: string,
    read: (build: Build) => { readonly value: number; readonly text: string },
  ): Chart[] => {
    const listed = results.map(({ name, result }) => ({ name, bars: listBuilds(result) }))
    const full = Math.max(...listed.flatMap(({ bars }) => bars.map((build) => read(build).value)))
    return listed.flatMap(({ name, bars }) => {
      const own = titleOf(title, name, results)
      return bars.length === 0
        ? []
        : [
            drawBars(
              own,
              own,
              bars.map((build) => ({ name: build.name, ...read(build) })),
              full,
            ),
          ]
    })
  }
  return [
    ...charts('time to build an index', ({ ms }) => ({ value: ms, text: formatDuration(ms) })),
    ...charts('size of an index', ({ bytes }) => ({ value: bytes, text: formatBytes(bytes) })),
  ]
}

interface Build {
  readonly name: string
  readonly ms: number
  readonly bytes: number
}

/** Rows of one index share its build; what they have in common is what it was built with. */
function listBuilds(result: BenchResult): Build[] {
  const builds = new Map<string, Measurement[]>()
  for (const row of sortRows(result)) {
    if (row.indexBuild === undefined) continue
    const key = JSON.stringify([row.id, row.indexBuild])
    builds.set(key, [...(builds.get(key) ?? []), row])
  }
  return [...builds.values()].map((rows) => {
    const [{ id, params, indexBuild }] = rows as [Measurement, ...Measurement[]]
    const shared = Object.entries(params).filter(([name, value]) =>
      rows.every((row) => row.params[name] === value),
    )
    const { ms, bytes } = indexBuild!
    return { name: nameSetting(id, rows.length > 1 ? Object.fromEntries(shared) : params), ms, bytes }
  })
}

/** Below this it is nothing that anybody would save. */
const leastShare = 0.01

/** Where the time of a search in the server goes. */
export function chartCosts(results: readonly NamedResult[]): Chart[] {
  return results.flatMap(({ name, result }) => {
    const costs = listCosts(result)
    if (costs.length === 0) return []
    const setting = nameShortly(result)
    const title = titleOf('where the time of a search goes', name, results)
    const caption = `${title}: each bar is the whole of its own time. Those with the least execution stand first.`
    return [
      drawCostBars(
        title,
        caption,
        costs.map((row) => ({ name: setting(row), cost: row.cost })),
      ),
    ]
  })
}

/** What of a median is the way to the server and back, by the row that looks at no vector, where nothing better is known. */
export function chartRoundTrips(results: readonly NamedResult[]): Chart[] {
  return results.flatMap(({ name, result }) => {
    if (listCosts(result).length > 0) return []
    // Under more than one client a query waits for others as well.
    const rows = sortRows(result).filter(({ load }) => load.kind === 'closed' && load.clients === 1)
    const roundTrip = rows.find(({ id }) => id === 'null')?.latencyMs.p50
    if (roundTrip === undefined) return []
    const setting = nameShortly(result)
    const bars = rows
      // Rows of a server have a plan.
      .filter((row) => row.plan !== undefined && row.id !== 'null')
      .map((row) => ({ row, value: Math.min(1, roundTrip / row.latencyMs.p50) }))
      .filter(({ value }) => value >= leastShare)
      .sort((a, b) => b.value - a.value)
      .map(({ row, value }) => ({
        name: setting(row),
        text: `${Math.round(value * 100)} % of ${formatNumber(row.latencyMs.p50)} ms`,
        value,
      }))
    if (bars.length === 0) return []
    const title = titleOf('share of the median that is the way to the server and back', name, results)
    return [
      drawBars(
        title,
        `${title}: the median of null, ${formatNumber(roundTrip)} ms, which is client, driver, network and a statement that searches ` +
          'nothing. Rows below 1 % are left out.',
        bars,
        1,
      ),
    ]
  })
}

/** Latency against the rate at which queries arrive, of each result that has rows of an open loop. */
export function chartLoadCurves(results: readonly NamedResult[]): Chart[] {
  const listed = results.map(({ name, result }) => ({ name, curves: listLoadCurves(result) }))
  const all = listed.flatMap(({ curves }) => curves)
  return listed.flatMap(({ name, curves }) =>
    curves.length === 0 ? [] : [drawLoadCurves(titleOf('latency under load', name, results), curves, all)],
  )
}

/** Medians that differ significantly. */
export function chartChanges(pairs: readonly SideBySide[]): Chart[] {
  return pairs.flatMap(({ first, other, changes }) => {
    const rows = changes.filter(({ figure }) => figure === 'p50')
    if (rows.length === 0) return []
    return [
      drawIntervals(
        `Times as long as in ${first}: ${other}`,
        `Medians of ${other}, as many times those of ${first}, with 95 % intervals. The line is 1: as long.`,
        rows.map(({ row, text, difference: { value, ci95 } }) => ({ name: row, text, value, ci95 })),
      ),
    ]
  })
}
