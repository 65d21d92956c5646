import { formatNumber, formatRecall } from '../../../result/numbers.js'
import type { Measurement } from '../../../result/schema.js'
import { nameSetting } from '../../columns.js'
import { findFrontier, places } from '../../frontier.js'
import type { AccuracyScale } from './accuracy-scale.js'
import type { Chart } from './chart.js'
import { drawAxes, frame, frameSize, placeInFrame } from './frame.js'
import { drawMarker, type Marker } from './markers.js'
import { drawLine, drawScene, drawText } from './scene.js'
import type { Point, Shape } from './shape.js'

const ringRadius = 8
/** Of the lines through what is best in the server, and in this process. */
const dashes = [
  [6, 3],
  [2, 3],
] as const
/** Numbers of the frontier that are nearer to each other than this stand in one label. */
const labelGap = 22

/** How the charts are read. */
export const recallSpeedNote =
  'Across: recall, by its misses, with exact answers at 1. Up: queries per second, each step as many times as fast. Crosses are 95 % ' +
  'intervals; an exact path has none of recall. Ringed and numbered: nothing is both as accurate and faster, in the server (dashed ' +
  'line) or in this process (dotted).'

export interface RecallSpeed {
  readonly title: string
  readonly rows: readonly Measurement[]
  readonly scale: AccuracyScale
  /** By path. */
  readonly markers: ReadonlyMap<string, Marker>
}

/** A point for each row, with its intervals, and the line above which nothing was measured. */
export function drawRecallSpeed({ title, rows, scale, markers }: RecallSpeed): Chart {
  const place: Place = (recall, qps) => placeInFrame(scale.placeRecall(recall), scale.placeSpeed(qps))
  const frontiers = places.map((name) => findFrontier(rows, name))
  const frontier = frontiers.flat()
  return drawScene({
    ...{ title, ...frameSize },
    caption: title,
    legend: [...new Set(rows.map(({ id }) => id))].map((id) => ({ marker: markers.get(id)!, text: id })),
    told: [
      `Recall ${scale.recallTicks.map(({ text }) => text).join(', ')} across, queries per second ${scale.speedTicks
        .map(({ text }) => text)
        .join(', ')} up`,
      ...rows.map((row) => describePoint(row, frontier.indexOf(row))),
    ],
    shapes: [
      ...drawAxes(
        { name: 'recall', ticks: scale.recallTicks, place: scale.placeRecall },
        { name: 'queries per second', ticks: scale.speedTicks, place: scale.placeSpeed },
      ),
      ...frontiers.map((points, i) => drawFrontier(points, place, dashes[i]!)),
      ...rows.flatMap((row) => drawCross(row, place)),
      ...rows.map((row) => drawMarker(markers.get(row.id)!, pointOf(row, place))),
      ...frontier.map((row) => drawRing(pointOf(row, place))),
      ...numberPoints(frontier.map((row) => pointOf(row, place))),
    ],
  })
}

/** In pixels. */
type Place = (recall: number, qps: number) => Point

const pointOf = ({ recall, qps }: Measurement, place: Place) => place(recall!.mean, qps.value)

/** What is drawn of a row, in words. */
function describePoint({ id, params, recall, qps, exact }: Measurement, rank: number): string {
  const [low, high] = recall!.ci95.map(formatRecall)
  const [least, most] = qps.ci95.map(formatNumber)
  return (
    `${nameSetting(id, params)}: recall ${formatRecall(recall!.mean)}${exact ? '' : ` (${low} to ${high})`}, ${formatNumber(qps.value)} queries per second ` +
    `(${least} to ${most})${rank < 0 ? '' : `, number ${rank + 1} of the frontiers`}`
  )
}

/** Steps, because nothing is known between two points but that the next one is as accurate at least. */
function drawFrontier(frontier: readonly Measurement[], place: Place, lineDash: readonly number[]): Shape {
  const points: Point[] = []
  for (const row of frontier) {
    const [x, y] = pointOf(row, place)
    points.push([points.at(-1)?.[0] ?? frame.left, y], [x, y])
  }
  const last = points.at(-1)
  if (last !== undefined) points.push([last[0], frame.bottom])
  return {
    type: 'polyline',
    shape: { points },
    style: { stroke: 'var(--soft)', lineWidth: 1.5, lineDash, fill: 'none' },
  }
}

/** The recall of an exact path is checked, not estimated: what its interval tells is how few its queries were. */
function drawCross({ recall, qps, exact }: Measurement, place: Place): Shape[] {
  const style = { lineWidth: 1.5 }
  return [
    ...(exact
      ? []
      : [
          drawLine(
            place(recall!.ci95[0], qps.value),
            place(recall!.ci95[1], qps.value),
            'var(--soft)',
            style,
          ),
        ]),
    drawLine(place(recall!.mean, qps.ci95[0]), place(recall!.mean, qps.ci95[1]), 'var(--soft)', style),
  ]
}

const drawRing = ([cx, cy]: Point): Shape => ({
  type: 'circle',
  shape: { cx, cy, r: ringRadius },
  style: { fill: 'none', stroke: 'var(--text)', lineWidth: 1.5 },
})

/** 1, 2 and so on, above and left of the points; those of points that are near each other stand together. */
function numberPoints(points: readonly Point[]): Shape[] {
  const groups: { readonly first: number; last: number; readonly at: Point }[] = []
  points.forEach(([x, y], i) => {
    const group = groups.at(-1)
    if (group && Math.hypot(x - group.at[0], y - group.at[1]) < labelGap) group.last = i
    else groups.push({ first: i, last: i, at: [x, y] })
  })
  return groups.map(({ first, last, at: [x, y] }) =>
    drawText(
      first === last ? `${first + 1}` : `${first + 1}–${last + 1}`,
      [x - ringRadius, y - ringRadius - 2],
      {
        ...{ align: 'right', verticalAlign: 'middle', fontWeight: 'bold' },
      },
    ),
  )
}
