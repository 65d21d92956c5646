import type { BenchResult } from '../../result/schema.js'
import { atRecallNote, groupCurves, listAtRecallColumns, sortCurves, titleAtRecall } from '../at-recall.js'
import { groupByBand } from '../bands.js'
import { listColumns, sortRows } from '../columns.js'
import { describeNotes, describeRun } from '../notes.js'
import { listSideTables } from '../side-tables.js'
import { layOutTable } from './text-table.js'

export interface TerminalOptions {
  /** Characters per line; Infinity if it is not a terminal. */
  readonly width: number
  /** Whether to use escape sequences for bold and dim. */
  readonly color: boolean
}

type Style = (name: keyof typeof escapes, text: string) => string

const escapes = { bold: ['\x1b[1m', '\x1b[22m'], dim: ['\x1b[2m', '\x1b[22m'] } as const

/** The report for a terminal or a pipe, ending in a line feed. */
export function renderTerminal(result: BenchResult, { width, color }: TerminalOptions): string {
  const style: Style = (name, text) => (color ? escapes[name][0] + text + escapes[name][1] : text)
  const sorted = sortRows(result)
  const [header, ...lines] = layOutTable(listColumns(result), sorted, width)
  const bands = groupByBand(sorted).map((band) => lines.splice(0, band.length))
  const rows = bands.flatMap((band, i) => (i === 0 ? band : ['', ...band]))
  const notes = describeNotes(result).map((note) => style('dim', note))
  const warnings = result.warnings.map((warning) => `warning: ${warning}`)
  return `${[
    ...describeRun(result),
    '',
    style('bold', header!),
    ...rows,
    ...layOutAtRecall(result, width, style),
    ...layOutSideTables(result, width, style),
    ...(notes.length > 0 ? ['', ...notes] : []),
    ...(warnings.length > 0 ? ['', ...warnings] : []),
  ].join('\n')}\n`
}

/** Of many clients, too, the terminal has the times; Markdown and HTML have queries per second beside them. */
function layOutAtRecall(result: BenchResult, width: number, style: Style): string[] {
  const groups = groupCurves(result)
  if (groups.length === 0) return []
  return [
    '',
    ...groups.flatMap(({ name, curves }) => [
      style('bold', titleAtRecall('p50', name)),
      ...layOutTable(listAtRecallColumns('p50'), sortCurves(curves), width),
    ]),
    style('dim', atRecallNote),
  ]
}

function layOutSideTables(result: BenchResult, width: number, style: Style): string[] {
  return listSideTables(result).flatMap(({ title, note, columns, rows }) => [
    '',
    style('bold', title),
    ...layOutTable(columns, rows, width),
    style('dim', note),
  ])
}
