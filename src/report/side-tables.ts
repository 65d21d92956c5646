import { formatCount, formatNumber, formatRecall } from '../result/numbers.js'
import type { ColdStart, SearchCost, WhileInserting } from '../result/row-studies.js'
import type { BenchResult, Measurement } from '../result/schema.js'
import { median, sortSamples } from '../stats/samples.js'
import { type Column, column, findCommonParams, formatParams, sortRows } from './columns.js'

/** What was found out about some of the rows beside their speed and recall. */
export interface SideTable {
  readonly title: string
  readonly note: string
  readonly columns: readonly Column<Measurement>[]
  readonly rows: readonly Measurement[]
}

/** Parts of a search's time in the order of their happening; two of them belong to the client. */
export const costParts: readonly (readonly [name: string, read: (cost: SearchCost) => number])[] = [
  ['client encodes', ({ encodeMs }) => encodeMs],
  ['network', ({ networkMs }) => networkMs],
  ['server plans', ({ planMs }) => planMs],
  ['server executes', ({ executeMs }) => executeMs],
  ['client decodes', ({ decodeMs }) => decodeMs],
]

/** Below this there is nothing beside the execution that anybody would save. */
const leastOverhead = 0.01

/** Rows in which more than the execution counts, those with the least beside it last. */
export function listCosts(result: BenchResult): readonly (Measurement & { readonly cost: SearchCost })[] {
  const overhead = ({ cost: { executeMs, totalMs } }: { cost: SearchCost }) => 1 - executeMs / totalMs
  return sortRows(result)
    .flatMap((row) => (row.cost === undefined ? [] : [{ ...row, cost: row.cost }]))
    .filter((row) => overhead(row) >= leastOverhead)
    .sort((a, b) => overhead(b) - overhead(a))
}

/** Those that have rows. */
export function listSideTables(result: BenchResult): SideTable[] {
  const common = findCommonParams(result)
  const names: readonly Column<Measurement>[] = [
    column('path', 'left', ({ id }) => id),
    column('settings', 'left', ({ id, params }) => formatParams(params, common.get(id))),
  ]
  const rows = sortRows(result)
  const tables: SideTable[] = [
    {
      title: 'Where the time of a search goes, ms',
      note: describeCosts(result),
      columns: [
        ...names,
        ...costParts.map(([name, read]) => figureOf(name, ({ cost }) => cost && formatNumber(read(cost)))),
        figureOf('sum', ({ cost }) => cost && formatNumber(cost.totalMs)),
        figureOf('searches', ({ cost }) => cost && formatCount(cost.calls)),
      ],
      rows: listCosts(result),
    },
    {
      title: 'First search after a restart of the server, ms',
      note: describeCold(rows),
      columns: [
        ...names,
        figureOf('restarts', ({ cold }) => cold && formatCount(cold.restarts)),
        figureOf('connecting', ({ cold }) => cold && formatMiddle(cold.connectMs)),
        figureOf('first', ({ cold }) => cold && formatMiddle(cold.firstMs)),
        figureOf('least to most', ({ cold }) => cold && formatRange(cold.firstMs)),
        figureOf('next nine', ({ cold }) => cold && formatMiddle(cold.nextMs)),
        figureOf('warm', ({ cold }) => cold && formatNumber(cold.warmMs)),
        figureOf('first / warm', ({ cold }) => cold && formatTimes(cold)),
      ],
      rows: rows.filter(({ cold }) => cold !== undefined),
    },
    {
      title: 'Searches while rows are inserted, ms',
      note: describeInserting(rows),
      columns: [
        ...names,
        figureOf('rows/s', ({ inserting }) => inserting && formatNumber(inserting.reached)),
        figureOf('insert p50', ({ inserting }) => formatOptional(inserting?.insertMs?.p50)),
        figureOf('recall', ({ inserting }) => inserting && formatRecall(inserting.recall.mean)),
        figureOf('p50', ({ inserting }) => inserting && formatNumber(inserting.latencyMs.p50)),
        figureOf('p95', ({ inserting }) => formatOptional(inserting?.latencyMs.p95)),
        figureOf('p50 without', ({ inserting }) => inserting && formatNumber(inserting.quietP50Ms)),
        figureOf('times as long', ({ inserting }) => inserting && formatRatio(inserting)),
        figureOf('searches', ({ inserting }) => inserting && formatCount(inserting.calls)),
      ],
      rows: rows.filter(({ inserting }) => inserting !== undefined),
    },
  ]
  return tables.filter((table) => table.rows.length > 0)
}

function figureOf(title: string, cell: (row: Measurement) => string | undefined): Column<Measurement> {
  return column(title, 'right', (row) => cell(row) ?? '-')
}

function describeCosts(result: BenchResult): string {
  const isExplained = result.paths.some((row) => row.status === 'ok' && row.cost?.source === 'explain')
  return (
    'Medians of one client, measured behind the rounds; network is all that neither side counts. Rows with less than 1 % beside the ' +
    `execution are left out.${isExplained ? ' The role may not ask for the durations of its messages: the plan is by EXPLAIN, which reads the vector as text.' : ''}`
  )
}

function describeCold(rows: readonly Measurement[]): string {
  const colds = rows.flatMap(({ cold }) => cold ?? [])
  const isDropped = colds.every(({ pageCache }) => pageCache === 'dropped')
  const emptied = isDropped
    ? 'Its buffers were empty and its files out of the page cache; what lies below (a disk’s own cache, a host of this machine) was not.'
    : 'Its buffers were empty; its files were still in the page cache of the kernel.'
  return `Medians over restarts. ${emptied} Connecting is the session’s own, and not in the search.`
}

function describeInserting(rows: readonly Measurement[]): string {
  const rate = rows.find(({ inserting }) => inserting !== undefined)?.inserting?.rate ?? 0
  return (
    `${formatNumber(rate)} rows a second were asked for, each in a transaction of its own, by another connection. Recall is against all ` +
    'rows that were committed when the search began.'
  )
}

const formatOptional = (value: number | undefined) => (value === undefined ? undefined : formatNumber(value))
const middleOf = (values: readonly number[]) => median(sortSamples(values))
const formatMiddle = (values: readonly number[]) => formatNumber(middleOf(values))
const formatRange = (values: readonly number[]) =>
  `${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))}`
const formatTimes = ({ firstMs, warmMs }: ColdStart) => formatNumber(middleOf(firstMs) / warmMs)
const formatRatio = ({ ratio, ci95: [low, high] }: WhileInserting) =>
  `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
