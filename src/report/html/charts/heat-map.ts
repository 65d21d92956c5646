import { formatNumber } from '../../../result/numbers.js'
import { heatLevels } from '../page.js'
import { type Chart, chartText, phoneWidth } from './chart.js'

export interface HeatMap {
  readonly title: string
  readonly rowName: string
  readonly columnName: string
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  /** Undefined where nothing could be measured. */
  valueAt(row: string, column: string): number | undefined
}

const cellHeight = 40
const leastCellWidth = 56
const headHeight = 48
const characterWidth = 7

/** A cell for each pair of values, the stronger its colour the higher, with its number in it: colour alone says nothing. */
export function drawHeatMap(map: HeatMap): Chart {
  const { rows, columns, rowName, columnName, title } = map
  const labelWidth = Math.max(...rows.map((row) => row.length)) * characterWidth + 12
  const values = rows.flatMap((row) => columns.flatMap((column) => map.valueAt(row, column) ?? []))
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const cells = rows.flatMap((row, y) =>
    columns.map((column, x) => {
      const value = map.valueAt(row, column)
      return value === undefined ? failedCell(x, y) : measuredCell(x, y, value, levelOf(value, least, most))
    }),
  )
  return {
    title,
    caption: `${title}. Rows: ${rowName}. The stronger the colour, the faster.`,
    told: rows.map(
      (row) =>
        `${rowName} ${row}: ${columns
          .map((column) => {
            const value = map.valueAt(row, column)
            return `${value === undefined ? 'failed' : formatNumber(value)} at ${columnName} ${column}`
          })
          .join(', ')}`,
    ),
    width: Math.max(phoneWidth, labelWidth + columns.length * leastCellWidth),
    height: headHeight + rows.length * cellHeight,
    option: {
      grid: { left: labelWidth, right: 0, top: headHeight, bottom: 0 },
      xAxis: {
        ...axis([...columns]),
        position: 'top',
        name: columnName,
        nameLocation: 'middle',
        nameGap: 28,
        nameTextStyle: chartText,
      },
      yAxis: { ...axis([...rows]), inverse: true },
      // A heat map has to have one; each cell has a colour of its own.
      visualMap: { show: false, min: 0, max: 1 },
      series: { type: 'heatmap', silent: true, emphasis: { disabled: true }, data: cells },
    },
  }
}

const axis = (data: string[]) => ({
  type: 'category' as const,
  data,
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { ...chartText, interval: 0 },
})

/** By the logarithm: half as fast is as far from the middle as twice as fast. */
function levelOf(value: number, least: number, most: number): number {
  return most > least ? Math.round((Math.log(value / least) / Math.log(most / least)) * (heatLevels - 1)) : 0
}

const measuredCell = (x: number, y: number, value: number, level: number) => ({
  ...{ value: [x, y, value], visualMap: false },
  itemStyle: { color: `var(--heat-${level})`, borderColor: 'var(--back)', borderWidth: 2 },
  label: { ...chartText, show: true, formatter: formatNumber(value), color: `var(--heat-text-${level})` },
})

const failedCell = (x: number, y: number) => ({
  ...{ value: [x, y, 0], visualMap: false },
  itemStyle: { color: 'transparent', borderColor: 'var(--bad)', borderWidth: 1, borderType: 'dashed' },
  label: { ...chartText, show: true, formatter: 'failed', color: 'var(--bad)' },
})
