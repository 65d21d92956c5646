import type { Column } from '../columns.js'
import { escapeHtml } from './page.js'

/** Wider than a telephone: it scrolls by itself, and the page does not. */
export function renderHtmlTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  return renderGroupedTable(columns, [rows])
}

/** The same with a line between groups of rows. */
export function renderGroupedTable<Row>(
  columns: readonly Column<Row>[],
  groups: readonly (readonly Row[])[],
): string[] {
  const cell = (tag: 'th' | 'td', text: string, { align }: Column<Row>) =>
    `<${tag}${align === 'left' ? ' class="left"' : ''}${tag === 'th' ? ' scope="col"' : ''}>${escapeHtml(text)}</${tag}>`
  return [
    '<div class="wide" tabindex="0"><table>',
    `<thead><tr>${columns.map((column) => cell('th', column.title, column)).join('')}</tr></thead>`,
    ...groups.flatMap((rows) => [
      '<tbody>',
      ...rows.map(
        (row) => `<tr>${columns.map((column) => cell('td', column.cell(row), column)).join('')}</tr>`,
      ),
      '</tbody>',
    ]),
    '</table></div>',
  ]
}
