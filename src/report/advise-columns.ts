import type { AdviceResult, AdvisedIndex, AdvisedStep, Crossover, Cure } from '../result/advice.js'
import { formatCount, formatNumber, formatRecall } from '../result/numbers.js'
import type { Column } from './columns.js'

const nameStep = (step: AdvisedStep | undefined) =>
  step === undefined ? 'none' : `${step.parameter.replace(/^.*\./, '')}=${step.value}`

function nameCrossover({ kind, rows }: Crossover): string {
  const count = `${formatCount(rows)} rows`
  return { below: `less than ${count}`, between: `about ${count}`, above: `all ${count}` }[kind]
}

function column(
  title: string,
  align: 'left' | 'right',
  cell: (row: AdvisedIndex) => string,
): Column<AdvisedIndex> {
  return { title, align, dropOrder: 0, cell }
}

/** Indexes as they were measured. */
export const adviceColumns: readonly Column<AdvisedIndex>[] = [
  column('index', 'left', ({ index }) => index),
  column('rows', 'right', ({ rows }) => formatCount(rows)),
  column('exact ms', 'right', ({ exactMs }) => formatNumber(exactMs)),
  column('today', 'left', ({ today }) => nameStep(today)),
  column('recall', 'right', ({ today }) => formatRecall(today.recall)),
  column('ms', 'right', ({ today }) => formatNumber(today.ms)),
  column('at target', 'left', ({ target }) => nameStep(target)),
  column('recall', 'right', ({ target }) => (target === undefined ? '-' : formatRecall(target.recall))),
  column('ms', 'right', ({ target }) => (target === undefined ? '-' : formatNumber(target.ms))),
  column('exact as fast at', 'right', ({ crossover }) => nameCrossover(crossover)),
]

/** What was looked at, and how much was found. */
export function describeAdvice({ server, tables, findings, recall }: AdviceResult): string {
  const { postgres, pgvector, role } = server
  const count =
    findings.length === 0
      ? 'nothing to mend'
      : `${findings.length} finding${findings.length === 1 ? '' : 's'}`
  return (
    `PostgreSQL ${postgres}, pgvector ${pgvector}, as ${role}: ${count} in ${tables.length} table${tables.length === 1 ? '' : 's'} ` +
    `with vectors, at a target recall of ${recall}`
  )
}

/** A line for each statement, and what to know before. */
export function describeCure({ kind, statements, restart, caution }: Cure): string[] {
  const title = { sql: 'run', query: 'send', server: 'start the server with' }[kind]
  return [
    ...statements.map((text) => `${title}: ${text}${kind === 'sql' ? ';' : ''}`),
    ...(restart ? ['and restart the server'] : []),
    ...(caution === undefined ? [] : [`mind: ${caution}`]),
  ]
}
