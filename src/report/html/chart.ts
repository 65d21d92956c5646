import type { EChartsCoreOption } from 'echarts/core'
import { escapeHtml } from './page.js'

/** A picture of numbers, and what a reader who cannot see it is told: all of them. */
export interface Chart {
  readonly title: string
  /** Below the picture. */
  readonly caption: string
  /** Every number of the picture, a sentence each. */
  readonly told: readonly string[]
  /** In pixels, at which its text has its size; a narrow screen shrinks it. */
  readonly width: number
  readonly height: number
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
export async function renderChart({ title, caption, told, width, height, option }: Chart): Promise<string[]> {
  const { init } = await import('./echarts.js')
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    drawing.setOption({ ...still, ...option })
    // Its own size would not shrink. A page of HTML needs no name space.
    const picture = drawing.renderToSVGString().replace(/^<svg [^>]*>/, '')
    return [
      `<figure style="max-width:${width}px">`,
      `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">`,
      `<title>${escapeHtml(title)}</title>`,
      `<desc>${escapeHtml(told.join('. '))}</desc>`,
      picture,
      `<figcaption>${escapeHtml(caption)}</figcaption>`,
      '</figure>',
    ]
  } finally {
    drawing.dispose()
  }
}
