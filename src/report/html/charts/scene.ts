import { type Chart, chartText } from './chart.js'
import type { Point, Shape } from './shape.js'

/** Height of a line of text. */
export const lineHeight = 15
/** Of a letter, broadly: what a text needs is known before it is drawn. */
const letterWidth = 7.2

/** A chart whose every shape has its place already. The first shapes lie below the others. */
export function drawScene(chart: Omit<Chart, 'option'> & { readonly shapes: readonly Shape[] }): Chart {
  const { shapes, ...rest } = chart
  return { ...rest, option: { graphic: { elements: shapes.map((shape) => ({ ...shape, silent: true })) } } }
}

export function drawLine([x1, y1]: Point, [x2, y2]: Point, stroke: string, style: object = {}): Shape {
  return { type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth: 1, ...style } }
}

/** On one line; `\n` begins another. */
export function drawText(text: string, [x, y]: Point, style: object = {}): Shape {
  return {
    type: 'text',
    style: {
      ...{ text, x, y, lineHeight, fill: chartText.color },
      font: `${chartText.fontSize}px ${chartText.fontFamily}`,
      // Keeps what lies below off its letters.
      ...{ stroke: 'var(--back)', lineWidth: 4 },
      ...style,
    },
  }
}

/** Breaks a text between words, so that no line is wider than `width` pixels if its words allow it. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && (last.length + 1 + word.length) * letterWidth <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines
}

/** Width of a text, broadly. */
export const widthOf = (text: string) => text.length * letterWidth
