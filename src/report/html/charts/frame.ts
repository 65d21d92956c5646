import { phoneWidth } from './chart.js'
import type { Tick } from './named-rows.js'
import { drawLine, drawText, widthOf } from './scene.js'
import type { Point, Shape } from './shape.js'

const height = 340

/** Size of a chart with two axes, and how many times it may be enlarged. */
export const frameSize = { width: phoneWidth, height, enlargement: 1.3 } as const

/** The edges of what is drawn in it, in pixels. */
export const frame = { left: 48, right: phoneWidth - 4, top: 20, bottom: height - 36 } as const

export interface Axis {
  readonly name: string
  readonly ticks: readonly Tick[]
  /** From 0 at the beginning of the axis to 1 at its end. */
  place(value: number): number
}

/** From shares of the two axes to pixels. */
export function placeInFrame(across: number, up: number): Point {
  return [frame.left + across * (frame.right - frame.left), frame.bottom - up * (frame.bottom - frame.top)]
}

export function drawAxes(across: Axis, up: Axis): Shape[] {
  const { left, right, top, bottom } = frame
  return [
    ...up.ticks.flatMap(({ value, text }) => {
      const [, y] = placeInFrame(0, up.place(value))
      return [
        drawLine([left, y], [right, y], 'var(--line)'),
        drawText(text, [left - 6, y], { align: 'right', verticalAlign: 'middle' }),
      ]
    }),
    ...across.ticks.flatMap(({ value, text }) => {
      const [x] = placeInFrame(across.place(value), 0)
      return [
        drawLine([x, top], [x, bottom], 'var(--line)'),
        drawText(text, [x, bottom + 4], { align: 'center' }),
      ]
    }),
    drawText(up.name, [0, 0]),
    drawText(across.name, [right - widthOf(across.name), bottom + 20]),
  ]
}
