import { formatNumber } from '../../../result/numbers.js'
import type { BenchResult, Measurement } from '../../../result/schema.js'
import { nameSetting } from '../../columns.js'
import { chooseLogTicks } from './accuracy-scale.js'
import type { Chart } from './chart.js'
import { type Axis, drawAxes, frameSize, placeInFrame } from './frame.js'
import { assignMarkers, drawMarker, type Marker } from './markers.js'
import { drawLine, drawScene } from './scene.js'
import type { Point, Shape } from './shape.js'

/** A way to search under the rates of an open loop, the lowest first. */
export interface LoadCurve {
  readonly name: string
  readonly points: readonly LoadPoint[]
}

interface LoadPoint {
  readonly rate: number
  readonly p50: number
  readonly p99: number | undefined
}

/** How the charts are read. */
export const loadCurveNote =
  'Across: queries that arrive per second, whether or not there are answers. Up: milliseconds from the arrival, p50 as a marker on a ' +
  'line, p99 as the end of the line above it. Both scales are logarithmic.'

/** Those of at least two rates; in the order of their rows. */
export function listLoadCurves({ paths }: BenchResult): LoadCurve[] {
  const curves = new Map<string, LoadPoint[]>()
  for (const row of paths) {
    if (row.status !== 'ok' || row.load.kind !== 'open') continue
    const name = nameSetting(row.id, row.params)
    curves.set(name, [...(curves.get(name) ?? []), pointOf(row, row.load.rate)])
  }
  return [...curves]
    .filter(([, points]) => points.length > 1)
    .map(([name, points]) => ({ name, points: points.sort((a, b) => a.rate - b.rate) }))
}

function pointOf({ latencyMs: { p50, p99 } }: Measurement, rate: number): LoadPoint {
  return { rate, p50, p99 }
}

/** @param all of every chart that is to have the same scale, these among them. */
export function drawLoadCurves(
  title: string,
  curves: readonly LoadCurve[],
  all: readonly LoadCurve[],
): Chart {
  const points = all.flatMap((curve) => curve.points)
  const across = createLogAxis(
    'arrivals per second',
    points.map(({ rate }) => rate),
  )
  const up = createLogAxis(
    'ms',
    points.flatMap(({ p50, p99 = p50 }) => [p50, p99]),
  )
  const markers = assignMarkers(all.map(({ name }) => name))
  const place = (rate: number, ms: number) => placeInFrame(across.place(rate), up.place(ms))
  return drawScene({
    ...{ title, caption: title, ...frameSize },
    legend: curves.map(({ name }) => ({ marker: markers.get(name)!, text: name })),
    told: [
      `Arrivals per second ${listTicks(across)} across, milliseconds ${listTicks(up)} up`,
      ...curves.map(({ name, points }) => `${name}: ${points.map(describePoint).join('; ')}`),
    ],
    shapes: [
      ...drawAxes(across, up),
      ...curves.flatMap(({ name, points }) => drawCurve(points, markers.get(name)!, place)),
    ],
  })
}

const listTicks = ({ ticks }: Axis) => ticks.map(({ text }) => text).join(', ')

function describePoint({ rate, p50, p99 }: LoadPoint): string {
  return `p50 ${formatNumber(p50)}${p99 === undefined ? '' : ` and p99 ${formatNumber(p99)}`} ms at ${rate}/s`
}

function createLogAxis(name: string, values: readonly number[]): Axis {
  const room = 1.2
  const [low, high] = [Math.min(...values) / room, Math.max(...values) * room]
  const place = (value: number) => Math.log(value / low) / Math.log(high / low)
  return { name, ticks: chooseLogTicks(low, high), place }
}

function drawCurve(
  points: readonly LoadPoint[],
  marker: Marker,
  place: (rate: number, ms: number) => Point,
): Shape[] {
  const style = { stroke: marker.colour, lineWidth: 1.5, fill: 'none' }
  return [
    { type: 'polyline', shape: { points: points.map(({ rate, p50 }) => place(rate, p50)) }, style },
    ...points.flatMap(({ rate, p50, p99 }) =>
      p99 === undefined
        ? []
        : [drawLine(place(rate, p50), place(rate, p99), marker.colour, { lineWidth: 1, lineDash: [2, 3] })],
    ),
    ...points.map(({ rate, p50 }) => drawMarker(marker, place(rate, p50))),
  ]
}
