import type { Chart } from './chart.js'
import { drawNamedRows, type NamedRow } from './named-rows.js'

export interface Bar extends NamedRow {
  /** Its length, from 0. */
  readonly value: number
}

const rowHeight = 38
const barHeight = 10

/** Bars from a line in the middle, or from the left where none is below 0. Each has its name and its number above it. */
export function drawBars(title: string, caption: string, bars: readonly Bar[]): Chart {
  const values = bars.map(({ value }) => value)
  const most = Math.max(0, ...values)
  const least = Math.min(0, ...values)
  return drawNamedRows({
    ...{ title, caption, rows: bars, rowHeight, least },
    most: most > least ? most : least + 1,
    series: {
      type: 'bar',
      silent: true,
      barWidth: barHeight,
      emphasis: { disabled: true },
      data: bars.map(({ value }) => ({
        value,
        itemStyle: { color: value < 0 ? 'var(--soft)' : 'var(--bar)' },
      })),
    },
  })
}
