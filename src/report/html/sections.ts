import { type Chart, renderChart } from './charts/chart.js'
import { escapeHtml } from './page.js'

/** Nothing where it would be empty. */
export function renderSection(title: string, content: readonly unknown[], render: () => string[]): string[] {
  return content.length === 0 ? [] : ['<section>', `<h2>${escapeHtml(title)}</h2>`, ...render(), '</section>']
}

/** What stands around the charts of a section. */
export interface Surroundings {
  /** Paragraphs or lists above them. */
  readonly above?: readonly string[]
  /** Elements below them. */
  readonly below?: readonly string[]
}

/** Charts below each other, or beside each other where there is room. */
export async function renderChartSection(
  title: string,
  charts: readonly Chart[],
  { above = [], below = [] }: Surroundings = {},
): Promise<string[]> {
  const figures: string[] = []
  for (const chart of charts) figures.push(...(await renderChart(chart)))
  return renderSection(title, charts, () => [
    ...above,
    '<div class="charts">',
    ...figures,
    '</div>',
    ...below,
  ])
}

export const renderFolded = (lines: readonly string[]) => [
  '<details>',
  '<summary>As a table</summary>',
  ...lines,
  '</details>',
]

export const renderItems = (items: readonly string[]) => [
  '<ul>',
  ...items.map((item) => `<li>${escapeHtml(item)}</li>`),
  '</ul>',
]

export const renderParagraph = (text: string) => [`<p>${escapeHtml(text)}</p>`]
