import { type Chart, chartText, phoneWidth } from './chart.js'

export interface Bar {
  /** Above the bar, beside the number. */
  readonly name: string
  /** As it is written. */
  readonly text: string
  /** Its length, from 0. */
  readonly value: number
}

const rowHeight = 38
const barHeight = 10
const textGap = 16
const margin = 8

/** Bars from a line in the middle, or from the left where none is below 0. Each has its name and its number above it. */
export function drawBars(title: string, caption: string, bars: readonly Bar[]): Chart {
  const values = bars.map(({ value }) => value)
  const most = Math.max(0, ...values)
  const least = Math.min(0, ...values)
  return {
    ...{ title, caption, width: phoneWidth, height: bars.length * rowHeight + margin },
    told: bars.map(({ name, text }) => `${name}: ${text}`),
    option: {
      grid: { left: 1, right: 1, top: margin, bottom: 0 },
      xAxis: {
        type: 'value',
        min: least,
        max: most > least ? most : least + 1,
        axisLabel: { show: false },
        splitLine: { show: false },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: bars.map(({ name }) => name),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: 'var(--soft)' } },
        // At the left whatever the sign of the bar, so that names stand below each other.
        axisLabel: { show: false },
      },
      series: [
        {
          type: 'bar',
          silent: true,
          barWidth: barHeight,
          emphasis: { disabled: true },
          data: bars.map(({ value }) => ({
            value,
            itemStyle: { color: value < 0 ? 'var(--soft)' : 'var(--bar)' },
          })),
        },
        drawNames(bars, least),
      ],
    },
  }
}

/** Texts at the left edge, above the middle of each row. */
export function drawNames(rows: readonly { readonly name: string; readonly text: string }[], left: number) {
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
