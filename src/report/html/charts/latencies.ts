import { formatNumber } from '../../../result/numbers.js'
import type { Measurement } from '../../../result/schema.js'
import { chooseLogTicks } from './accuracy-scale.js'
import type { Chart } from './chart.js'
import { drawNamedRows } from './named-rows.js'
import { drawLine } from './scene.js'
import type { Shape } from './shape.js'

const percents = [50, 95, 99] as const
const markHeight = 16

/** How the charts are read. */
export const latencyNote =
  'Milliseconds, each step as many times as long: dot p50, bar p95, diamond p99. Pale: the 95 % interval of each. Percentiles that need ' +
  'more calls are missing.'

/** In milliseconds, of all rows that are to be held against each other. */
export type LatencyRange = readonly [least: number, most: number]

export function findLatencyRange(rows: readonly Measurement[]): LatencyRange {
  const values = rows.flatMap((row) => listPercentiles(row).flatMap(({ value, ci95 }) => [value, ...ci95]))
  return [Math.min(...values) / 1.1, Math.max(...values) * 1.1]
}

/** A line from the median to the last percentile of each row, on a logarithmic scale, with the intervals of each. */
export function drawLatencies(
  title: string,
  rows: readonly Measurement[],
  nameRow: (row: Measurement) => string,
  [least, most]: LatencyRange,
): Chart {
  const scale = (ms: number) => Math.log(ms)
  return drawNamedRows({
    title,
    caption: title,
    rows: rows.map((row) => ({ ...row, name: nameRow(row), text: describe(row) })),
    ...{ markHeight, least: scale(least), most: scale(most) },
    ticks: chooseLogTicks(least, most).map(({ value, text }) => ({ value: scale(value), text })),
    mark(row, y, place) {
      const found = listPercentiles(row)
      const at = (ms: number) => place(scale(ms))
      const [first, last] = [found[0]!, found.at(-1)!]
      return [
        ...found.map(({ ci95: [low, high] }) =>
          drawLine([at(low), y], [at(high), y], 'var(--pale)', { lineWidth: 9 }),
        ),
        drawLine([at(first.value), y], [at(last.value), y], 'var(--bar)', { lineWidth: 2 }),
        ...found.map(({ percent, value }) => drawPercentile(percent, at(value), y)),
      ]
    },
  })
}

function listPercentiles({ latencyMs }: Measurement) {
  return percents.flatMap((percent) => {
    const name = `p${percent}` as const
    const [value, ci95] = [latencyMs[name], latencyMs.percentilesCi95[name]]
    return value === undefined || ci95 === undefined ? [] : [{ percent, value, ci95 }]
  })
}

function describe(row: Measurement): string {
  const found = listPercentiles(row).map(({ percent, value }) => `p${percent} ${formatNumber(value)}`)
  const of = row.latencyMs.averagedOver > 1 ? ` per query of ${row.latencyMs.averagedOver} in a call` : ''
  return `${found.join(', ')} ms${of}`
}

function drawPercentile(percent: (typeof percents)[number], x: number, y: number): Shape {
  const style = { fill: 'var(--bar)' }
  if (percent === 50) return { type: 'circle', shape: { cx: x, cy: y, r: 4 }, style }
  if (percent === 95) return drawLine([x, y - 6], [x, y + 6], 'var(--bar)', { lineWidth: 3 })
  const points = [
    [x, y - 6],
    [x + 6, y],
    [x, y + 6],
    [x - 6, y],
  ]
  return {
    type: 'polygon',
    shape: { points },
    style: { fill: 'var(--back)', stroke: 'var(--bar)', lineWidth: 2 },
  }
}
