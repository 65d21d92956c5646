import { SimdgresError } from '../../errors.js'
import type { Control } from '../../measure/experiment.js'
import { takeSnapshot } from '../../measure/own-table/snapshot.js'
import type { ReadOnlyServer } from '../../paths/own-table/read-only.js'
import { listTableCorpora } from '../../paths/own-table/searches.js'
import { defaultLists, describeTable, type OwnTable, type TableIndex } from '../../paths/own-table/table.js'
import { explainTableError } from '../../paths/own-table/table-errors.js'
import type { Corpus } from '../../paths/search-path.js'
import type { AdviceFinding, AdvisedIndex, AdvisedStep, Crossover } from '../../result/advice.js'
import { formatDuration, formatRecall } from '../../result/numbers.js'
import type { Metric } from '../../vectors/metric.js'
import type { Facts, VectorColumn, VectorIndex } from '../facts.js'
import { estimateListsBytes } from '../memory.js'
import { findCrossover, scanRows } from './crossover.js'
import { countProbedRows, isBuiltTooEarly } from './lists.js'
import { type Bench, findSmallest, measureStep } from './steps.js'

export interface MeasureTask {
  readonly column: VectorColumn
  /** Of the user's; missing: the key. */
  readonly id?: string
  readonly k: number
  readonly recall: number
  readonly sample: number
  readonly seed: number
  readonly facts: Pick<Facts, 'database' | 'maintenanceMemory'>
}

export interface Measured {
  readonly findings: readonly AdviceFinding[]
  readonly indexes: readonly AdvisedIndex[]
  readonly notes: readonly string[]
  readonly unseen: readonly string[]
}

/** Exact scans are slow, and their times are alike. */
const exactQueries = 10

const metricOf: Readonly<Record<string, Metric>> = {
  '<->': 'l2',
  '<=>': 'cosine',
  '<#>': 'ip',
  '<+>': 'l1',
  '<~>': 'l1',
}

const knobOf = {
  hnsw: { parameter: 'hnsw.ef_search', name: 'ef_search' },
  ivfflat: { parameter: 'ivfflat.probes', name: 'probes' },
} as const

/** Recall and time of each approximate index of a column on its own rows, by one snapshot for each metric. */
export async function measureColumn(
  server: ReadOnlyServer,
  task: MeasureTask,
  control: Control,
): Promise<Measured> {
  const { column, k } = task
  const skip = (reason: string): Measured => ({ findings: [], indexes: [], notes: [], unseen: [reason] })
  const where = `${column.relation}.${column.column}`
  const usable = column.indexes.filter(
    ({ isValid, method, operator }) =>
      isValid && method in knobOf && operator !== null && operator in metricOf,
  )
  if (usable.length === 0) return { findings: [], indexes: [], notes: [], unseen: [] }
  const id = task.id ?? column.key
  if (!column.isReadable)
    return skip(
      `Recall of ${where}: this role may not read it. Have its owner GRANT SELECT on it, and USAGE on its schema.`,
    )
  const [code, ...others] = column.foreignCode
  if (code !== undefined)
    return skip(
      `Recall of ${where}: a search may run ${code}${others.length > 0 ? ` and ${others.length} more` : ''} with the rights of this role. ` +
        'Only code of PostgreSQL, pgvector and simdgres is run. Ask as the owner of the table, where that is no superuser.',
    )
  if (id === null)
    return skip(
      `Recall of ${where}: its rows have no key of one column. Name a column that tells them apart with --id.`,
    )
  if (column.rows < k)
    return skip(`Recall of ${where}: it has fewer than ${k} rows as far as the statistics know.`)
  const all: Measured[] = []
  for (const { metric, condition, indexes } of groupIndexes(column, usable)) {
    const limit = condition === null ? {} : { where: condition }
    const name = { table: column.relation, id, vector: column.name, metric, ...limit }
    try {
      all.push(await measureMetric(server, { ...task, metric, indexes, name }, control))
    } catch (error) {
      const explained = explainTableError(error, name)
      if ((task.id !== undefined && condition === null) || !isOfTable(explained)) throw explained
      all.push(skip(`Recall of ${where}: ${explained.message}. ${explained.hint}`))
    }
  }
  return {
    findings: all.flatMap(({ findings }) => findings),
    indexes: all.flatMap(({ indexes }) => indexes),
    notes: all.flatMap(({ notes }) => notes),
    unseen: all.flatMap(({ unseen }) => unseen),
  }
}

function isOfTable(error: unknown): error is SimdgresError {
  return error instanceof SimdgresError && ['ERR_UNAVAILABLE', 'ERR_INVALID_ARGUMENT'].includes(error.code)
}

interface IndexGroup {
  readonly metric: Metric
  readonly condition: string | null
  readonly indexes: readonly VectorIndex[]
}

/** Those whose answers are held against one truth: of one distance, and among the rows of one condition. */
function groupIndexes(column: VectorColumn, usable: readonly VectorIndex[]): IndexGroup[] {
  const groups = new Map<string, IndexGroup>()
  for (const index of usable) {
    const { condition } = index
    const metric = isOfSigns(column, index) ? metricOfSigns : metricOf[index.operator!]!
    const key = JSON.stringify([metric, condition])
    const { indexes = [] } = groups.get(key) ?? {}
    groups.set(key, { metric, condition, indexes: [...indexes, index] })
  }
  return [...groups.values()]
}

/** Bits that are made of a vector, as binary_quantize makes them. */
function isOfSigns({ type }: VectorColumn, { isExpression, type: kept }: VectorIndex): boolean {
  return isExpression && kept === 'bit' && type !== 'bit'
}

/** Signs say something of directions. */
const metricOfSigns: Metric = 'cosine'

interface MetricTask extends MeasureTask {
  readonly metric: Metric
  readonly indexes: readonly VectorIndex[]
  readonly name: {
    readonly table: string
    readonly id: string
    readonly vector: string
    readonly metric: Metric
    readonly where?: string
  }
}

async function measureMetric(server: ReadOnlyServer, task: MetricTask, control: Control): Promise<Measured> {
  const { k, sample, seed, name } = task
  const described = await server.inTransaction((session) => describeTable(session, name))
  const table = { ...described, indexes: listIndexes(described, task) }
  const snapshot = await takeSnapshot(server, { ...control, table, k, queries: sample, seed })
  const query = snapshot.dataset.queries.data.subarray(0, table.dims)
  const corpora = listTableCorpora({ server, table, known: snapshot.known, k, query, isOneTransaction: true })
  const bench: Bench = { server, snapshot, signal: control.signal }
  const exact = await measureStep(bench, corpora.find(({ path }) => path.exact)!, {}, exactQueries)
  const whole = await scanRows(bench, table, k, snapshot.rows)
  const measured: Measured[] = []
  for (const index of task.indexes) {
    const corpus = corpora.find(({ design }) => design['index'] === index.bareName)
    if (corpus === undefined) continue
    control.progress.note(`Measuring ${index.name}`)
    measured.push(
      await measureIndex(bench, { ...task, table, index, corpus, exactMs: exact.ms, whole }).catch(
        notUsed(index),
      ),
    )
  }
  return {
    findings: measured.flatMap(({ findings }) => findings),
    indexes: measured.flatMap(({ indexes }) => indexes),
    notes: measured.flatMap(({ notes }) => notes),
    unseen: measured.flatMap(({ unseen }) => unseen),
  }
}

/** An index on an expression of the column is searched by the same expression of column and query. */
function listIndexes({ vector, type }: OwnTable, { indexes }: MetricTask): TableIndex[] {
  return indexes.map(({ bareName, method, options, expression, operator }) => ({
    ...{ name: bareName, method: method as TableIndex['method'], lists: options['lists'] ?? defaultLists },
    ...(expression !== null && {
      order: `${expression} ${operator} ${nameQuery(expression, vector, `$1::${type}`)}`,
    }),
  }))
}

/** The expression, of the query: the column may stand in it more than once. */
export function nameQuery(expression: string, column: string, query: string): string {
  const name = column.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return expression.replace(new RegExp(`(?<![\\w"'.])${name}(?![\\w"'(])`, 'g'), () => query)
}

/** Of two indexes of one metric the planner takes the cheaper. */
function notUsed({ name }: VectorIndex): (error: unknown) => Measured {
  return (error) => {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    const reason = `Recall of ${name}: the planner takes another index of the same operator. Drop one of them where you may, and ask again.`
    return { findings: [], indexes: [], notes: [], unseen: [reason] }
  }
}

interface IndexTask extends MetricTask {
  readonly table: OwnTable
  readonly index: VectorIndex
  readonly corpus: Corpus
  readonly exactMs: number
  /** By one process. */
  readonly whole: Crossover['scans'][number]
}

async function measureIndex(bench: Bench, task: IndexTask): Promise<Measured> {
  const { index, corpus, column, table, recall, exactMs, whole, k, metric } = task
  const { parameter, name } = knobOf[index.method as keyof typeof knobOf]
  const setting = await readSetting(bench.server, parameter)
  const at = async (value: number): Promise<AdvisedStep> => ({
    ...{ parameter, value },
    ...(await measureStep(bench, corpus, { [name]: value })),
  })
  const today = await at(setting.value)
  const { rows, dataset } = bench.snapshot
  const base = {
    table: column.relation,
    index: index.name,
    rows,
    k,
    sample: dataset.queries.rows,
    exactMs,
    today,
  }
  // Counting what a probe reads needs a statement that the plain index alone answers.
  if (index.method === 'ivfflat' && !index.isExpression && index.condition === null) {
    const { lists } = table.indexes.find((one) => one.name === index.bareName)!
    const probed = await countProbedRows(bench, table, index.operator!)
    const one = await at(1)
    if (isBuiltTooEarly(probed, one.recall, rows, lists)) {
      const finding = describeLists(task, { rows, lists, probed, today })
      const crossover = await findCrossover(bench, table, k, whole, today.ms)
      return { findings: [finding], indexes: [{ ...base, crossover }], notes: [], unseen: [] }
    }
  }
  const ladder = corpus.ladders![0]!.map((step) => Number(step[name]))
  let most = today
  const found = await findSmallest(ladder, recall, async (value) => {
    const step = await at(value)
    if (step.value > most.value) most = step
    return step
  })
  const target = found?.step
  const isShort = today.ci95[1] < recall && today.recall < 1
  const reached = target ?? today
  const crossover = await findCrossover(bench, table, k, whole, reached.ms)
  const reduction = describeReduction(column, index, table)
  return {
    findings:
      isShort && reduction === undefined ? [describeRecall(task, today, target ?? { most }, setting)] : [],
    indexes: [{ ...base, ...(target && { target }), crossover }],
    notes: [
      ...describeCrossover(index, crossover, reached),
      ...(reduction !== undefined && isShort ? [describeReranking(index, reduction, metric, today)] : []),
    ],
    unseen: [],
  }
}

interface Setting {
  readonly value: number
  readonly source: string
  readonly role: string
}

/** As this role and database have it. The parameter is there once the library is loaded. */
async function readSetting(server: ReadOnlyServer, parameter: string): Promise<Setting> {
  return server.inTransaction(async (session) => {
    await session.query("SELECT '[1]'::vector")
    const [row] = await session.query<Setting>(
      'SELECT setting::int AS value, source, quote_ident(current_user) AS role FROM pg_settings WHERE name = $1',
      [parameter],
    )
    return row!
  })
}

function describeRecall(
  { index, recall, facts: { database }, k, sample }: IndexTask,
  today: AdvisedStep,
  target: AdvisedStep | { readonly most: AdvisedStep },
  { source, role }: Setting,
): AdviceFinding {
  const { parameter, value } = today
  const what =
    `With ${parameter} = ${value} it finds ${formatRecall(today.recall)} (${today.ci95.map(formatRecall).join('–')}) of the ${k} nearest rows, ` +
    `and ${recall} are asked for`
  const subject = {
    user: `ROLE ${role}`,
    'database user': `ROLE ${role} IN DATABASE ${database}`,
  }[source]
  const shared = { code: 'recall-below-target', severity: 'critical', what, where: index.name } as const
  if ('most' in target) return { ...shared, ...describeUnreached(index, recall, sample, target.most) }
  return {
    ...shared,
    cure: {
      kind: 'sql',
      statements: [`ALTER ${subject ?? `DATABASE ${database}`} SET ${parameter} = ${target.value}`],
      restart: false,
      caution: `New sessions have it, those of a pool when it reconnects; a role that has a value of its own keeps that.`,
    },
    expected:
      `Recall ${formatRecall(target.recall)} in place of ${formatRecall(today.recall)}, at ${formatDuration(target.ms)} in place of ` +
      `${formatDuration(today.ms)} a search (measured, one client)`,
  }
}

/** What there is to do where the largest step that was measured does not surely reach the recall. */
export function describeUnreached(
  index: Pick<VectorIndex, 'name' | 'method' | 'options'>,
  recall: number,
  sample: number,
  { parameter, value, recall: reached, ci95 }: AdvisedStep,
): Pick<AdviceFinding, 'cure' | 'expected'> {
  const step = `${parameter} = ${value} finds ${formatRecall(reached)} (${ci95.map(formatRecall).join('–')})`
  const cure = (statements: readonly string[], caution: string) =>
    ({ kind: 'sql', statements, restart: false, caution }) as const
  if (ci95[1] >= recall) {
    return {
      cure: cure(
        [],
        `${step}, which may be enough: ${sample} rows do not tell. Ask again with --sample ${5 * sample}.`,
      ),
      expected: 'A narrower interval, by which the smallest value that reaches it can be named.',
    }
  }
  const rebuild = `REINDEX INDEX CONCURRENTLY ${index.name}`
  if (index.method === 'hnsw') {
    return {
      cure: cure(
        [strengthen(index), rebuild],
        `No ${parameter} reaches it on the index as it is built: ${step}.`,
      ),
      expected: 'A graph that leads to more of the nearest rows; run simdgres advise again behind it.',
    }
  }
  return {
    cure: cure([rebuild], `No ${parameter} reaches it on the index as it is built: ${step}.`),
    expected:
      'Lists whose centres are those of the present rows, so that the same probes hold more of the nearest; run simdgres advise ' +
      'again behind it.',
  }
}

/** More neighbours and a longer search for them than it has; pgvector takes up to 100 and 1000. */
function strengthen({ name, options }: Pick<VectorIndex, 'name' | 'options'>): string {
  const m = Math.min(100, Math.max(16, 2 * (options['m'] ?? 16)))
  const construction = Math.min(1000, Math.max(256, 2 * (options['ef_construction'] ?? 64)))
  return `ALTER INDEX ${name} SET (m = ${m}, ef_construction = ${construction})`
}

interface Lists {
  readonly rows: number
  readonly lists: number
  readonly probed: number
  readonly today: AdvisedStep
}

function describeLists(
  { index, column, facts: { maintenanceMemory } }: IndexTask,
  { rows, lists, probed, today }: Lists,
): AdviceFinding {
  const bytes = estimateListsBytes({ ...column, rows }, index)
  // Otherwise the build stops at once.
  const memory =
    bytes > maintenanceMemory.bytes ? [`SET maintenance_work_mem = '${Math.ceil(bytes / 2 ** 20)}MB'`] : []
  return {
    code: 'ivfflat-lists-unused',
    severity: 'critical',
    what:
      `One probe reads ${Math.round(probed)} of ${rows} rows, and 1 of ${lists} lists should hold about ${Math.ceil(rows / lists)}: its lists were ` +
      `made when the table was empty or nearly so. Recall today is ${formatRecall(today.recall)} at ${today.parameter} = ${today.value}`,
    where: index.name,
    cure: {
      kind: 'sql',
      statements: [...memory, `REINDEX INDEX CONCURRENTLY ${index.name}`],
      restart: false,
    },
    expected: `Lists of about ${Math.ceil(rows / lists)} rows, of which a probe reads one.`,
  }
}

/** Only where the index is not the faster; the table has the others. */
function describeCrossover(
  { name }: VectorIndex,
  { kind, rows, scans }: Crossover,
  { ms, recall }: AdvisedStep,
): string[] {
  if (kind !== 'above') return []
  return [
    `${name}: an exact scan of its ${rows} rows takes ${formatDuration(scans.at(-1)!.ms)}, the index ${formatDuration(ms)} at recall ` +
      `${formatRecall(recall)}. Up to so many rows searches need no index.`,
  ]
}

/** What is left of the vectors by design, of which no setting finds all neighbours; undefined where the index has them whole. */
function describeReduction(column: VectorColumn, index: VectorIndex, { dims }: OwnTable): string | undefined {
  if (isOfSigns(column, index)) return 'keeps signs: by them alone'
  if (!index.isExpression || index.dims === 0 || index.dims === dims) return undefined
  return `keeps ${index.dims} dimensions of vectors of ${dims}: by them alone`
}

function describeReranking(
  { name }: VectorIndex,
  reduction: string,
  metric: Metric,
  { parameter, value, recall }: AdvisedStep,
): string {
  return (
    `${name} ${reduction} ${parameter} = ${value} finds ${formatRecall(recall)} of the nearest by ${metric}. Find more rows by it in a ` +
    'sub-select, and rank those by their whole vectors (re-ranking), as bench does for pgvector-hnsw-bit.'
  )
}
