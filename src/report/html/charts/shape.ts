/** What a picture is made of, as ECharts calls it; places are pixels from the upper left. */
export interface Shape {
  readonly type: 'line' | 'circle' | 'rect' | 'polygon' | 'polyline' | 'text'
  readonly shape?: object
  readonly style: object
}

export type Point = readonly [x: number, y: number]
