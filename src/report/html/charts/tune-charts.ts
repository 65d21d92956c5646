import type { TunePoint, TuneResult } from '../../../result/tune-schema.js'
import { mean } from '../../../stats/samples.js'
import { readValue } from '../../tune-columns.js'
import { describeSpeedUp, isShownFaster } from '../../tune-search.js'
import { drawBars } from './bars.js'
import type { Chart } from './chart.js'
import { drawHeatMap } from './heat-map.js'
import { drawIntervals } from './intervals.js'

/** A map for each path and load, over the first two knobs that have several values; others are averaged. */
export function chartMaps({ points, knobs }: TuneResult): Chart[] {
  return listLoads(points).flatMap(({ path, clients }) => {
    const own = points.filter((point) => point.path === path && point.clients === clients)
    const varied = knobs.filter(({ name }) => new Set(own.map((point) => readValue(point, name))).size > 1)
    const [row, column] = varied
    if (row === undefined || column === undefined) return []
    const averaged = varied.slice(2).map(({ name }) => name)
    return drawHeatMap({
      title: `${nameLoad(path, clients)}${averaged.length > 0 ? `; mean over ${averaged.join(', ')}` : ''}`,
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

export function chartImportance({ importance }: TuneResult): Chart[] {
  return listLoads(importance).map(({ path, clients }) =>
    drawBars(
      `How much each knob explains: ${nameLoad(path, clients)}`,
      nameLoad(path, clients),
      importance
        .filter((row) => row.path === path && row.clients === clients)
        .map(({ knob, share }) => ({ name: knob, text: `${Math.round(share * 100)} %`, value: share })),
    ),
  )
}

/** On a scale of factors: twice as fast is as far to the right as half as fast to the left. */
export function chartEffects({ effects }: TuneResult): Chart[] {
  return listLoads(effects).map(({ path, clients }) =>
    drawBars(
      `What each value does: ${nameLoad(path, clients)}`,
      `${nameLoad(path, clients)}. Throughput, mean of all values = 1, at the line.`,
      effects
        .filter((row) => row.path === path && row.clients === clients)
        .map(({ knob, value, ratio }) => ({
          name: `${knob} ${value}`,
          text: ratio.toFixed(2),
          value: Math.log(ratio),
        })),
    ),
  )
}

/** What was measured again, each against the present setting. */
export function chartConfirmation({ confirmation = [] }: TuneResult): Chart[] {
  if (confirmation.length === 0) return []
  return [
    drawIntervals(
      'Times as fast as the present setting, on fresh servers',
      'Times as fast as the present setting, on fresh servers, with 95 % intervals. The line is 1: as fast.',
      confirmation.map((comparison) => {
        const { name, speedUp, ci95, blocks } = comparison
        const isDrawn = blocks > 0 && (ci95[0] <= 1 || isShownFaster(comparison))
        return { name, text: describeSpeedUp(comparison), ...(isDrawn && { value: speedUp, ci95 }) }
      }),
    ),
  ]
}

const nameLoad = (path: string, clients: number) =>
  `${path}, ${clients} ${clients === 1 ? 'client' : 'clients'}`

function listLoads(rows: readonly { readonly path: string; readonly clients: number }[]) {
  return [...new Map(rows.map(({ path, clients }) => [`${path} ${clients}`, { path, clients }])).values()]
}

function geometricMean(points: readonly TunePoint[]): number | undefined {
  const logs = points.flatMap((point) => (point.status === 'ok' ? [Math.log(point.qps.value)] : []))
  return logs.length === 0 ? undefined : Math.exp(mean(logs))
}
