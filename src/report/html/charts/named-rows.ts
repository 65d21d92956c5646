import { type Chart, phoneWidth } from './chart.js'
import { drawLine, drawScene, drawText, lineHeight, widthOf, wrapText } from './scene.js'
import type { Shape } from './shape.js'

/** A row of a chart; its name and its number stand above what is drawn of it. */
export interface NamedRow {
  readonly name: string
  /** The number as it is written. */
  readonly text: string
}

/** A number of the scale, written above the rows. */
export interface Tick {
  readonly value: number
  readonly text: string
}

export interface NamedRows<Row extends NamedRow> {
  readonly title: string
  readonly caption: string
  readonly rows: readonly Row[]
  /** In pixels, without the text. */
  readonly markHeight: number
  /** The ends of the scale. */
  readonly least: number
  readonly most: number
  /** Where a line is drawn through what is drawn of each row. */
  readonly rule?: number
  /** Without them the scale has no numbers: each row has its own in words. */
  readonly ticks?: readonly Tick[]
  /** What is drawn of a row: `y` is its middle in pixels, `place` turns a number of the scale into pixels. */
  mark(row: Row, y: number, place: (value: number) => number): readonly Shape[]
}

const margin = 8
const rowGap = 6

/** Rows below each other on one scale. */
export function drawNamedRows<Row extends NamedRow>(chart: NamedRows<Row>): Chart {
  const { title, caption, rows, markHeight, least, most, rule, ticks = [], mark } = chart
  const width = phoneWidth
  const place = (value: number) => margin + ((value - least) / (most - least)) * (width - 2 * margin)
  const top = ticks.length > 0 ? lineHeight + rowGap : 0
  const shapes: Shape[] = []
  let y = top
  for (const row of rows) {
    const lines = layOutName(row, width)
    shapes.push(drawText(lines.join('\n'), [0, y]))
    y += lines.length * lineHeight
    if (rule !== undefined) {
      shapes.push(drawLine([place(rule), y - 1], [place(rule), y + markHeight + 1], 'var(--soft)'))
    }
    shapes.push(...mark(row, y + markHeight / 2, place))
    y += markHeight + rowGap
  }
  return drawScene({
    ...{ title, caption, width, height: y },
    told: [
      ...(ticks.length > 0 ? [`Scale: ${ticks.map(({ text }) => text).join(', ')}`] : []),
      ...rows.map(({ name, text }) => `${name}: ${text}`),
    ],
    shapes: [
      ...ticks.map(({ value }) => drawLine([place(value), top], [place(value), y], 'var(--line)')),
      ...placeTicks(ticks, place, width),
      ...shapes,
    ],
  })
}

/** Name and number on one line if there is room. */
function layOutName({ name, text }: NamedRow, width: number): string[] {
  const both = `${name}: ${text}`
  return widthOf(both) <= width ? [both] : [...wrapText(name, width), ...wrapText(text, width)]
}

/** Numbers of the scale above their lines, those for which there is room. */
function placeTicks(ticks: readonly Tick[], place: (value: number) => number, width: number): Shape[] {
  let free = 0
  return ticks.flatMap(({ value, text }) => {
    const half = widthOf(text) / 2
    const x = clamp(place(value), half, width - half)
    if (x - half < free) return []
    free = x + half
    return [drawText(text, [x, 0], { align: 'center' })]
  })
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value))
