import type { Column } from '../columns.js'

const gap = '  '

/**
 * Rows as aligned lines, header first. Columns are dropped, the least important first, until a line fits `width`;
 * those that always stay may be wider than that.
 */
export function layOutTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): string[] {
  let shown = columns.map((column) => {
    const cells = [column.title, ...rows.map((row) => column.cell(row))]
    return { column, cells, width: Math.max(...cells.map((cell) => cell.length)) }
  })
  const isTooWide = () => shown.reduce((sum, { width }) => sum + width + gap.length, -gap.length) > width
  while (isTooWide()) {
    const last = Math.max(...shown.map(({ column }) => column.dropOrder))
    if (last === 0) break
    shown = shown.filter(({ column }) => column.dropOrder !== last)
  }
  return Array.from({ length: rows.length + 1 }, (_, line) =>
    shown
      .map(({ column, cells, width }) =>
        column.align === 'left' ? cells[line]!.padEnd(width) : cells[line]!.padStart(width),
      )
      .join(gap)
      .trimEnd(),
  )
}
