import { formatNumber } from '../../../result/numbers.js'
import type { SearchCost } from '../../../result/row-studies.js'
import { costParts } from '../../side-tables.js'
import type { Chart } from './chart.js'
import { drawNamedRows, type NamedRow } from './named-rows.js'
import type { Shape } from './shape.js'

export interface CostBar extends NamedRow {
  readonly cost: SearchCost
}

const barHeight = 12
const markers = costParts.map((_, i) => ({ colour: `var(--series-${i})`, form: 'square' as const }))

/** The whole of a search's time as one bar, in its parts. */
export function drawCostBars(title: string, caption: string, rows: readonly Omit<CostBar, 'text'>[]): Chart {
  const bars = rows.map(({ name, cost }) => ({
    ...{ name, cost, text: `${formatNumber(cost.totalMs)} ms` },
  }))
  const chart = drawNamedRows<CostBar>({
    ...{ title, caption, rows: bars, markHeight: barHeight, least: 0, most: 1 },
    mark: ({ cost }, y, place) => drawParts(cost, y, place),
  })
  return {
    ...chart,
    told: bars.map(({ name, text, cost }) => `${name}: ${text}, of which ${tellParts(cost)}`),
    legend: costParts.map(([text], i) => ({ marker: markers[i]!, text })),
  }
}

function drawParts(cost: SearchCost, y: number, place: (value: number) => number): Shape[] {
  let share = 0
  return costParts.map(([, read], i) => {
    const from = place(share)
    share += read(cost) / cost.totalMs
    return {
      type: 'rect',
      shape: { x: from, y: y - barHeight / 2, width: Math.max(0, place(share) - from), height: barHeight },
      style: { fill: markers[i]!.colour, stroke: 'var(--back)', lineWidth: 0.5 },
    }
  })
}

function tellParts(cost: SearchCost): string {
  return costParts
    .map(([name, read]) => {
      const ms = read(cost)
      return `${name} ${formatNumber(ms)} ms (${Math.round((100 * ms) / cost.totalMs)} %)`
    })
    .join(', ')
}
