import type { Column } from '../columns.js'

/** Text as it stands, in a paragraph or a list. */
export function escapeText(text: string): string {
  return text.replace(/[\\`*_<>#]/g, '\\$&').replace(/\s*\n\s*/g, ' ')
}

export function renderList(items: readonly string[]): string[] {
  return items.map((item) => `- ${escapeText(item)}`)
}

export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`
  return [
    line(columns.map(({ title }) => title)),
    `|${columns.map(({ align }) => (align === 'left' ? ':--' : '--:')).join('|')}|`,
    ...rows.map((row) => line(columns.map((column) => column.cell(row)))),
  ]
}

function escapeCell(text: string): string {
  return escapeText(text).replace(/\|/g, '\\|')
}
