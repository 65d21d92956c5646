import type { EChartsCoreOption } from 'echarts/core'
import { type Chart, chartText, phoneWidth } from './chart.js'

/** A row of a chart; its name and its number stand above what is drawn of it. */
export interface NamedRow {
  readonly name: string
  /** The number as it is written. */
  readonly text: string
}

export interface NamedRows {
  readonly title: string
  readonly caption: string
  readonly rows: readonly NamedRow[]
  /** In pixels, with the text. */
  readonly rowHeight: number
  /** The ends of the scale. */
  readonly least: number
  readonly most: number
  /** What is drawn, of one item a row. */
  readonly series: EChartsCoreOption
}

const textGap = 16
const margin = 8

/** Rows below each other on one scale, which has no numbers of its own: each row has its own in words. */
export function drawNamedRows({ title, caption, rows, rowHeight, least, most, series }: NamedRows): Chart {
  return {
    ...{ title, caption, width: phoneWidth, height: rows.length * rowHeight + margin },
    told: rows.map(({ name, text }) => `${name}: ${text}`),
    option: {
      grid: { left: 1, right: 1, top: margin, bottom: 0 },
      xAxis: {
        ...{ type: 'value', min: least, max: most },
        axisLabel: { show: false },
        splitLine: { show: false },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map(({ name }) => name),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: 'var(--soft)' } },
        // At the left whatever is drawn, so that names stand below each other.
        axisLabel: { show: false },
      },
      series: [series, drawNames(rows, least)],
    },
  }
}

/** Texts at the left edge, above the middle of each row. */
function drawNames(rows: readonly NamedRow[], left: number) {
  return {
    type: 'custom',
    silent: true,
    data: rows.map((_, row) => [left, row]),
    renderItem: (
      { dataIndex }: { dataIndex: number },
      api: { coord(value: readonly number[]): readonly [number, number] },
    ) => {
      const { name, text } = rows[dataIndex]!
      const [x, y] = api.coord([left, dataIndex])
      return {
        type: 'text',
        style: {
          x: x + 1,
          y: y - textGap,
          text: `${name}: ${text}`,
          fill: chartText.color,
          // Keeps the line behind it off its letters.
          stroke: 'var(--back)',
          lineWidth: 4,
          font: `${chartText.fontSize}px ${chartText.fontFamily}`,
          textVerticalAlign: 'middle',
        },
      }
    },
  }
}
