import type { EChartsCoreOption } from 'echarts/core'
import { escapeHtml } from '../page.js'
import { type Marker, renderMarker } from './markers.js'

/** A picture of numbers, and what a reader who cannot see it is told: all of them. */
export interface Chart {
  readonly title: string
  /** Above the picture. */
  readonly caption: string
  /** Every number of the picture, a sentence each. */
  readonly told: readonly string[]
  /** In pixels, at which its text has its size; a narrow screen shrinks it. */
  readonly width: number
  readonly height: number
  /** What its markers stand for, below the picture. */
  readonly legend?: readonly { readonly marker: Marker; readonly text: string }[]
  /** How many times its size it may have where there is room; once if missing. */
  readonly enlargement?: number
  /** Of ECharts. Colours are variables of the page, which follow the reader's light or dark. */
  readonly option: EChartsCoreOption
}

/** What a telephone of 390 pixels leaves a page: a chart of this width is shown in its own size there. */
export const phoneWidth = 358

/** Text of charts. ECharts measures it by these to place it. */
export const chartText = { color: 'var(--text)', fontSize: 12, fontFamily: 'system-ui, sans-serif' } as const

/** What is the same of every chart: nothing moves, and nothing waits for a mouse. */
const still: EChartsCoreOption = { animation: false, backgroundColor: 'transparent', textStyle: chartText }

/**
 * Draws a chart, as an element of the page. ECharts is loaded by the first one: it takes a quarter of a second, which no other
 * command is to pay for.
 */
export async function renderChart(chart: Chart): Promise<string[]> {
  const { title, caption, told, width, height, legend = [], enlargement = 1, option } = chart
  const { init } = await import('./echarts.js')
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    drawing.setOption({ ...still, ...option })
    // Its own size would not shrink. A page of HTML needs no name space.
    const picture = drawing.renderToSVGString().replace(/^<svg [^>]*>/, '')
    return [
      `<figure style="max-width:${Math.round(width * enlargement)}px">`,
      `<figcaption>${escapeHtml(caption)}</figcaption>`,
      `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">`,
      `<title>${escapeHtml(title)}</title>`,
      `<desc>${escapeHtml(told.join('. '))}</desc>`,
      picture,
      ...renderLegend(legend),
      '</figure>',
    ]
  } finally {
    drawing.dispose()
  }
}

function renderLegend(legend: NonNullable<Chart['legend']>): string[] {
  if (legend.length === 0) return []
  const entries = legend.map(({ marker, text }) => `<span>${renderMarker(marker)} ${escapeHtml(text)}</span>`)
  return ['<p class="legend">', ...entries, '</p>']
}
