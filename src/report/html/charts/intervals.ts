import type { Chart } from './chart.js'
import { drawNamedRows, type NamedRow } from './named-rows.js'
import { drawLine } from './scene.js'

/** An estimate with its 95 % interval, as a ratio to what it is compared with. */
export interface RatioRow extends NamedRow {
  /** Missing where there is nothing to draw. */
  readonly value?: number
  readonly ci95?: readonly [number, number]
}

const markHeight = 12
const radius = 4

/** A line for each interval, on a scale of factors, with a rule at 1: what does not touch the rule is a difference. */
export function drawIntervals(title: string, caption: string, rows: readonly RatioRow[]): Chart {
  const logs = rows.flatMap(({ ci95 = [] }) => ci95.map(Math.log))
  const [least, most] = [Math.min(0, ...logs), Math.max(0, ...logs)]
  const room = (most - least) * 0.05 || 0.1
  return drawNamedRows({
    ...{ title, caption, rows, markHeight, rule: 0 },
    least: least - room,
    most: most + room,
    mark({ value, ci95 }, y, place) {
      if (value === undefined || ci95 === undefined) return []
      const colour = ci95[0] > 1 ? 'var(--bar)' : 'var(--soft)'
      const [from, to, cx] = [ci95[0], ci95[1], value].map((factor) => place(Math.log(factor))) as [
        number,
        number,
        number,
      ]
      return [
        drawLine([from, y], [to, y], colour, { lineWidth: 3 }),
        { type: 'circle', shape: { cx, cy: y, r: radius }, style: { fill: colour } },
      ]
    },
  })
}
