import { formatNumber } from '../../result/numbers.js'
import { escapeHtml } from './page.js'

export interface HeatMap {
  /** What a reader sees without the picture. */
  readonly title: string
  readonly rowName: string
  readonly columnName: string
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  /** Undefined where nothing could be measured. */
  valueAt(row: string, column: string): number | undefined
}

const cellWidth = 110
const cellHeight = 40
const labelWidth = 110
const headHeight = 44

/** A cell for each pair of values, the darker the higher, with its number in it: colour alone says nothing. */
export function renderHeatMap(map: HeatMap): string[] {
  const { rows, columns, title } = map
  const values = rows.flatMap((row) => columns.flatMap((column) => map.valueAt(row, column) ?? []))
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const width = labelWidth + columns.length * cellWidth
  const height = headHeight + rows.length * cellHeight
  const text = (x: number, y: number, content: string, more = '') =>
    `<text x="${x}" y="${y}" text-anchor="middle"${more}>${escapeHtml(content)}</text>`
  const cells = rows.flatMap((row, i) =>
    columns.map((column, j) => {
      const value = map.valueAt(row, column)
      const [x, y] = [labelWidth + j * cellWidth, headHeight + i * cellHeight]
      const middle = [x + cellWidth / 2, y + cellHeight / 2 + 5] as const
      const box = `x="${x + 1}" y="${y + 1}" width="${cellWidth - 2}" height="${cellHeight - 2}"`
      if (value === undefined) {
        const frame = `<rect ${box} style="fill:none;stroke:var(--bad);stroke-dasharray:4 3"/>`
        return frame + text(...middle, 'failed', ' style="fill:var(--bad)"')
      }
      // By the logarithm: half as fast is as far from the middle as twice as fast.
      const share = most > least ? Math.log(value / least) / Math.log(most / least) : 0
      const onDark = share > 0.55 ? ' style="fill:var(--on-high)"' : ''
      return (
        `<rect ${box} style="fill:rgb(var(--low))"/>` +
        `<rect ${box} style="fill:rgb(var(--high) / ${share.toFixed(2)})"/>` +
        text(...middle, formatNumber(value), onDark)
      )
    }),
  )
  const told = rows.map(
    (row) =>
      `${map.rowName} ${row}: ${columns
        .map((column) => {
          const value = map.valueAt(row, column)
          return `${value === undefined ? 'failed' : formatNumber(value)} at ${map.columnName} ${column}`
        })
        .join(', ')}`,
  )
  return [
    '<figure>',
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">`,
    `<title>${escapeHtml(title)}</title>`,
    `<desc>${escapeHtml(told.join('. '))}</desc>`,
    text(labelWidth + (columns.length * cellWidth) / 2, 14, map.columnName),
    ...columns.map((column, j) => text(labelWidth + (j + 0.5) * cellWidth, 36, column)),
    ...rows.map((row, i) => text(labelWidth / 2, headHeight + (i + 0.5) * cellHeight + 5, row)),
    ...cells,
    '</svg>',
    `<figcaption>${escapeHtml(`${title}. Rows: ${map.rowName}. The darker, the faster.`)}</figcaption>`,
    '</figure>',
  ]
}
