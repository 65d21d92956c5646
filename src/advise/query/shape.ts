import type { AdviceFinding, Cure } from '../../result/advice.js'
import type { VectorColumn, VectorIndex } from '../facts.js'
import type { PlacedNode } from './explain.js'
import { limitInside, replaceOrder } from './order-by.js'
import { isReversed, operatorFamilies, parseSortKey, plainColumn, type SortKey } from './sort-key.js'

/** A statement that searches. */
export interface SearchQuery {
  readonly text: string
  /** Who brought it: `--query 1`, `pg_stat_statements (9 calls)`. */
  readonly source: string
  /** Somebody asks about it; others were found, and are said to be wrong only where that is certain. */
  readonly isGiven: boolean
}

export interface Plans {
  readonly free: readonly PlacedNode[]
  readonly forced: readonly PlacedNode[]
}

/** Either what keeps an index from being used, or why there is nothing to say of it. */
export type Judgement =
  | { readonly verdict: 'used' | 'no index' | 'too dear' | 'no search' }
  | { readonly verdict: 'forbidden'; readonly findings: readonly AdviceFinding[] }

/** By its plans alone: what the words of the query look like is of no account where the planner finds an index. */
export function judgeShape(query: SearchQuery, plans: Plans, columns: readonly VectorColumn[]): Judgement {
  const searched = columns.filter((column) => plans.free.some(({ node }) => isScanOf(node, column)))
  const indexes = searched.flatMap((column) => column.indexes).filter(({ isValid }) => isValid)
  if (usesIndex(plans.free, indexes)) return { verdict: 'used' }
  if (indexes.length === 0) return { verdict: 'no index' }
  if (!query.isGiven && !isOrderedByDistance(plans.free, searched)) return { verdict: 'no search' }
  if (readsFewRows(plans.free, searched)) return { verdict: 'too dear' }
  const forbid = (reasons: readonly Reason[]): Judgement => ({
    verdict: 'forbidden',
    findings: reasons.map((reason) => describe(query, searched, reason)),
  })
  if (usesIndex(plans.forced, indexes)) {
    const reason = findMissingLimit(query, plans.free)
    return reason === undefined ? { verdict: 'too dear' } : forbid([reason])
  }
  return forbid(findReasons(query, plans.free, searched))
}

/** Of a column of vectors: another extension has operators of the same names. */
function isOrderedByDistance(nodes: readonly PlacedNode[], searched: readonly VectorColumn[]): boolean {
  const keys = nodes.filter(isSort).flatMap((placed) => parseSortKey(keysOf(placed)[0]!) ?? [])
  return keys.some((key) => searched.some((one) => one.column === key.column))
}

/** By another index, which leaves so few rows that their distances are sorted in no time. */
function readsFewRows(nodes: readonly PlacedNode[], searched: readonly VectorColumn[]): boolean {
  const scans = nodes.filter(({ node }) => searched.some((column) => isScanOf(node, column)))
  const isFew = ({ node }: PlacedNode) =>
    node['Node Type'] !== 'Seq Scan' && Number(node['Plan Rows'] ?? Number.POSITIVE_INFINITY) < fewRows
  return scans.length > 0 && scans.every(isFew)
}

const fewRows = 1000

interface Reason {
  /** Completes "The index is not used, because". */
  readonly because: string
  readonly kind: Cure['kind']
  readonly statements: readonly string[]
  readonly caution?: string
}

function describe(
  { text, source }: SearchQuery,
  searched: readonly VectorColumn[],
  reason: Reason,
): AdviceFinding {
  const { because, kind, statements, caution } = reason
  const rows = Math.max(...searched.map((column) => column.rows))
  return {
    code: 'query-shape',
    severity: 'critical',
    what: `No index on vectors is used, because ${because}`,
    where: `${source}: ${shorten(text)}`,
    cure: { kind, statements, restart: false, ...(caution !== undefined && { caution }) },
    expected: `A search reads a few hundred rows, and not all ${Math.round(rows)}.`,
  }
}

function isScanOf(node: PlacedNode['node'], { relation }: VectorColumn): boolean {
  const bare = (name: unknown) => String(name ?? '').replaceAll('"', '')
  return relation.replaceAll('"', '') === `${bare(node['Schema'])}.${bare(node['Relation Name'])}`
}

function usesIndex(nodes: readonly PlacedNode[], indexes: readonly VectorIndex[]): boolean {
  return nodes.some(
    ({ node }) =>
      node['Order By'] !== undefined && indexes.some(({ bareName }) => bareName === node['Index Name']),
  )
}

const isSort = ({ node }: PlacedNode) => Array.isArray(node['Sort Key'])
const keysOf = ({ node }: PlacedNode) => node['Sort Key'] as readonly string[]

/** An index could be used, but for all rows: no LIMIT reaches the order. */
function findMissingLimit({ text }: SearchQuery, nodes: readonly PlacedNode[]): Reason | undefined {
  const sort = nodes.find((placed) => isSort(placed) && keysOf(placed).some((key) => parseSortKey(key)))
  if (sort === undefined || reachesLimit(sort)) return undefined
  const isOutside = sort.above.some((node) => node['Node Type'] === 'Limit')
  const limited = limitInside(text)
  return {
    because: isOutside
      ? 'its LIMIT stands outside of the sub-select that orders by the distance, which has to give all its rows'
      : 'no LIMIT stands in the SELECT that orders by the distance, so all rows are asked for',
    kind: 'query',
    statements: limited === undefined ? [] : [limited],
    caution:
      'What is filtered or joined outside drops rows afterwards: let the inner LIMIT be large enough for it.',
  }
}

/** With nothing between that may drop rows. */
function reachesLimit({ above }: PlacedNode): boolean {
  const passing = ['Gather Merge', 'Incremental Sort', 'Result', 'LockRows']
  return above.find((node) => !passing.includes(node['Node Type']))?.['Node Type'] === 'Limit'
}

/** All that has to be mended before an index is used. */
function findReasons(
  query: SearchQuery,
  nodes: readonly PlacedNode[],
  searched: readonly VectorColumn[],
): Reason[] {
  const [key] = nodes.filter(isSort).flatMap((placed) => parseSortKey(keysOf(placed)[0]!) ?? [])
  if (key === undefined) return [hidden(nodes)]
  const column = searched.find((one) => one.column === key.column) ?? searched[0]!
  const index = chooseIndex(key, column)
  const ofOrder = wrapped(query, key, index) ?? otherExpression(query, key, index) ?? descending(key)
  const reasons = [ofOrder, index === undefined ? otherOperator(key, column) : undefined].filter(
    (reason) => reason !== undefined,
  )
  return reasons.length > 0 ? reasons : [unclear(key, index)]
}

/** That for the operator which needs the least change of the query. */
function chooseIndex(key: SortKey, { indexes }: VectorColumn): VectorIndex | undefined {
  const fitting = indexes.filter(({ isValid, operator }) => isValid && operator === key.operator)
  const changes = ({ expression, condition }: VectorIndex) =>
    (orderedBy(key, expression) === bare(key.columnSide) ? 0 : expression === null ? 1 : 2) +
    (condition === null ? 0 : 3)
  return fitting.toSorted((a, b) => changes(a) - changes(b))[0]
}

/** What the index is on, in the names of the query. */
function orderedBy(key: SortKey, expression: string | null | undefined): string {
  return expression == null ? plainColumn(key) : expression.replace(key.column, plainColumn(key))
}

const bare = (expression: string) =>
  expression.replace(/^\((.*)\)$/, (whole, inner: string) => (inner.includes(')') ? whole : inner))

/** The order is of something that the planner has not traced to an operator. */
function hidden(nodes: readonly PlacedNode[]): Reason {
  const key = nodes.filter(isSort).flatMap(keysOf)[0]
  return {
    because:
      key === undefined
        ? 'it has no ORDER BY of a distance'
        : `it is ordered by ${shorten(key)}, which is no distance operator between a column of the table and a value`,
    kind: 'query',
    statements: [],
    caution:
      'Write ORDER BY column <=> value LIMIT n in the SELECT whose FROM names the table: DISTINCT, GROUP BY, OFFSET 0, window ' +
      'functions and materialised CTEs between them hide the distance.',
  }
}

function wrapped(query: SearchQuery, key: SortKey, index: VectorIndex | undefined): Reason | undefined {
  if (key.before === '' && key.after === '') return undefined
  const reversed = isReversed(key)
  const nearestFirst = reversed !== undefined && reversed === key.isDescending
  const around = `${key.before} (${key.operator}) ${key.after}`.trim()
  return {
    because:
      `it is ordered by an expression around the operator, ${around}${key.isDescending ? ' DESC' : ''}: an index gives ` +
      `${key.operator} itself, ascending`,
    ...orderBy(query, key, index),
    ...(!nearestFirst && {
      caution: `Only if the nearest rows are meant: the order of ${around} is not plainly that of the distance.`,
    }),
  }
}

/** The column is cast and the index is not, or the other way round. */
function otherExpression(
  query: SearchQuery,
  key: SortKey,
  index: VectorIndex | undefined,
): Reason | undefined {
  if (index === undefined || orderedBy(key, index.expression) === key.columnSide) return undefined
  return {
    because:
      index.expression === null
        ? `the column is cast, ${key.columnSide}, and ${index.name} is on the column itself`
        : `${index.name} is on the expression ${index.expression}, and the query has ${key.columnSide}`,
    ...orderBy(query, key, index),
    caution: `Or make an index for the query as it is: CREATE INDEX CONCURRENTLY ... USING hnsw ((${key.columnSide.replace(`${key.alias}.`, '')}) ...).`,
  }
}

/** The query, ordered as the index is. */
function orderBy(
  query: SearchQuery,
  key: SortKey,
  index: VectorIndex | undefined,
): Pick<Reason, 'kind' | 'statements'> {
  const type = /::(\w+(?:\(\d+\))?)$/.exec(index?.expression ?? '')?.[1]
  const order = `${orderedBy(key, index?.expression)} ${key.operator} ${valueAs(key, type ?? (key.hasCast ? index && typeOf(index) : undefined))}`
  const rewritten = replaceOrder(query.text, order)
  return { kind: 'query', statements: rewritten === undefined ? [] : [rewritten] }
}

/** By its class: `halfvec_l2_ops`. */
const typeOf = ({ operatorClass }: VectorIndex) => /^[a-z]+/.exec(operatorClass)![0]

function descending(key: SortKey): Reason | undefined {
  if (!key.isDescending) return undefined
  return {
    because: `it is ordered by ${key.operator} DESC, the farthest first, and an index gives the nearest first`,
    kind: 'query',
    statements: [],
    caution: 'Order ascending if the nearest rows are meant; for the farthest no index helps.',
  }
}

function otherOperator(key: SortKey, { relation, column, type, indexes }: VectorColumn): Reason | undefined {
  const cast = /::(vector|halfvec|bit|sparsevec)(\(\d+\))?\)*$/.exec(key.columnSide)
  // An index takes an expression whose type has dimensions.
  const isIndexable = !key.hasCast || cast?.[2] !== undefined
  const indexed = key.hasCast ? `(${key.columnSide.replace(`${key.alias}.`, '')})` : column
  const usable = indexes.filter(({ isValid }) => isValid)
  const names = usable.map(
    ({ name, operatorClass, operator }) => `${name} is of ${operatorClass} for ${operator}`,
  )
  const family = operatorFamilies[key.operator]
  if (family === undefined || names.length === 0) return undefined
  return {
    because: `no index of the column is for ${key.operator}: ${names.join(', ')}`,
    kind: 'sql',
    statements: isIndexable
      ? [
          `CREATE INDEX CONCURRENTLY ON ${relation} USING hnsw (${indexed} ${cast?.[1] ?? type}_${family}_ops)`,
        ]
      : [],
    caution: isIndexable
      ? 'Or use the operator of the index, if its distance is what you mean; then the new index is not needed.'
      : `Write the cast of the column with its dimensions, and make an index over that expression for ${key.operator}.`,
  }
}

function unclear(key: SortKey, index: VectorIndex | undefined): Reason {
  if (index?.condition != null) {
    return {
      because: `${index.name} is partial, and the WHERE of the query does not imply its condition ${index.condition}`,
      kind: 'query',
      statements: [],
      caution: `Add ${index.condition} to WHERE if such rows alone are meant, or make an index without the condition.`,
    }
  }
  return {
    because:
      `the planner finds none for ${key.columnSide} ${key.operator} ${shorten(key.otherSide)}: the other side has to be a value and ` +
      'not a column of a join',
    kind: 'query',
    statements: [],
    caution: 'Search in a sub-select of its own, or in LATERAL for each row of the join.',
  }
}

/** The value in another type, where one is given. */
function valueAs({ otherSide }: SortKey, type: string | undefined): string {
  if (type === undefined) return otherSide
  return `${otherSide.replace(/(::(vector|halfvec|bit|sparsevec)(\(\d+\))?)+\)*$/, '').replace(/^\(+(?=['$])/, '')}::${type}`
}

const shownColumns = 120

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > shownColumns ? `${line.slice(0, shownColumns - 1)}…` : line
}
