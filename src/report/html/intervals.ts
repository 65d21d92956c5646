import type { Chart } from './chart.js'
import { drawNamedRows, type NamedRow } from './named-rows.js'

/** An estimate with its 95 % interval, as a ratio to what it is compared with. */
export interface Estimate extends NamedRow {
  /** Missing where there is nothing to draw. */
  readonly value?: number
  readonly ci95?: readonly [number, number]
}

const rowHeight = 44
const radius = 4

interface Api {
  coord(value: readonly number[]): readonly [number, number]
}

/** A line for each interval, on a scale of factors, with a rule at 1: what does not touch the rule is a difference. */
export function drawIntervals(title: string, caption: string, estimates: readonly Estimate[]): Chart {
  const logs = estimates.flatMap(({ ci95 = [] }) => ci95.map(Math.log))
  const [least, most] = [Math.min(0, ...logs), Math.max(0, ...logs)]
  const room = (most - least) * 0.05 || 0.1
  return drawNamedRows({
    ...{ title, caption, rows: estimates, rowHeight },
    least: least - room,
    most: most + room,
    series: {
      type: 'custom',
      silent: true,
      data: estimates.map((_, row) => [0, row]),
      renderItem: ({ dataIndex }: { dataIndex: number }, api: Api) =>
        drawInterval(estimates[dataIndex]!, (log) => api.coord([log, dataIndex])),
    },
  })
}

function drawInterval({ value, ci95 }: Estimate, place: (log: number) => readonly [number, number]): object {
  if (value === undefined || ci95 === undefined) return { type: 'group', children: [] }
  const colour = ci95[0] > 1 ? 'var(--bar)' : 'var(--soft)'
  const [[x1, y], [x2], [cx]] = [place(Math.log(ci95[0])), place(Math.log(ci95[1])), place(Math.log(value))]
  return {
    type: 'group',
    children: [
      { type: 'line', shape: { x1, y1: y, x2, y2: y }, style: { stroke: colour, lineWidth: 3 } },
      { type: 'circle', shape: { cx, cy: y, r: radius }, style: { fill: colour } },
    ],
  }
}
