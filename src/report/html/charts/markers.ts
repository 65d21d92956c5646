import { seriesColours } from '../page.js'
import type { Point, Shape } from './shape.js'

/** How a path is drawn: two of them differ in shape where they have one colour. */
export interface Marker {
  readonly colour: string
  readonly form: (typeof forms)[number]
}

const forms = ['circle', 'square', 'triangle', 'diamond', 'wedge'] as const
const radius = 4.5

/** A marker for each name, the same in every chart of a page; the 41st is the first again. */
export function assignMarkers(names: readonly string[]): Map<string, Marker> {
  return new Map(
    [...new Set(names)].map((name, i) => [
      name,
      { colour: `var(--series-${i % seriesColours})`, form: forms[i % forms.length]! },
    ]),
  )
}

export function drawMarker({ colour, form }: Marker, [x, y]: Point): Shape {
  const style = { fill: colour, stroke: 'var(--back)', lineWidth: 1 }
  if (form === 'circle') return { type: 'circle', shape: { cx: x, cy: y, r: radius }, style }
  return { type: 'polygon', shape: { points: outlineOf(form).map(([dx, dy]) => [x + dx, y + dy]) }, style }
}

/** The same for a legend, as an element of its own. */
export function renderMarker({ colour, form }: Marker): string {
  const shape =
    form === 'circle'
      ? `<circle cx="0" cy="0" r="${radius}" fill="${colour}"/>`
      : `<polygon points="${outlineOf(form).join(' ')}" fill="${colour}"/>`
  return `<svg class="marker" viewBox="-6 -6 12 12" aria-hidden="true">${shape}</svg>`
}

function outlineOf(form: Exclude<Marker['form'], 'circle'>): readonly Point[] {
  const r = radius
  const outlines = {
    square: [
      [-r, -r],
      [r, -r],
      [r, r],
      [-r, r],
    ],
    triangle: [
      [0, -r * 1.2],
      [r * 1.1, r],
      [-r * 1.1, r],
    ],
    diamond: [
      [0, -r * 1.3],
      [r * 1.3, 0],
      [0, r * 1.3],
      [-r * 1.3, 0],
    ],
    wedge: [
      [-r * 1.1, -r],
      [r * 1.1, -r],
      [0, r * 1.2],
    ],
  } as const
  return outlines[form]
}
