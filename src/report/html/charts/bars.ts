import type { Chart } from './chart.js'
import { drawNamedRows, type NamedRow } from './named-rows.js'

export interface Bar extends NamedRow {
  /** Its length, from 0. */
  readonly value: number
}

const barHeight = 10

/**
 * Bars from a line in the middle, or from the left where none is below 0. Each has its name and its number above it.
 * @param full the value of the longest bar that there could be; of the longest one if missing.
 */
export function drawBars(title: string, caption: string, bars: readonly Bar[], full = 0): Chart {
  const values = bars.map(({ value }) => value)
  const most = Math.max(full, 0, ...values)
  const least = Math.min(0, ...values)
  return drawNamedRows({
    ...{ title, caption, rows: bars, markHeight: barHeight, least, rule: 0 },
    most: most > least ? most : least + 1,
    mark: ({ value }, y, place) => [
      {
        type: 'rect',
        shape: {
          x: Math.min(place(0), place(value)),
          y: y - barHeight / 2,
          width: Math.abs(place(value) - place(0)),
          height: barHeight,
        },
        style: { fill: value < 0 ? 'var(--soft)' : 'var(--bar)' },
      },
    ],
  })
}
