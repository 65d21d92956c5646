import { SimdgresError } from '../../errors.js'
import type { SearchKnob } from '../../result/search-knobs.js'
import { hnswKnob } from '../pgvector/hnsw.js'
import { listLadder } from '../pgvector/pgvector-ivfflat.js'
import type { Corpus, PathFacts, Plan, Searcher, Variant } from '../search-path.js'
import { sessionSettings } from '../server/forced-settings.js'
import { PreparedSearcher } from '../server/prepared-searcher.js'
import { halfvecFormat, type VectorFormat, vectorFormat } from '../server/vector-codec.js'
import { bitFormat } from './bit-format.js'
import type { KnownRows } from './known-rows.js'
import type { ReadOnlyServer } from './read-only.js'
import { extensionOrder, type OwnTable, ownMark, searchStatement, type TableIndex } from './table.js'

/** A way to search the table as it is. */
interface TableSearch {
  readonly id: string
  readonly exact: boolean
  /** Names the row where there are several of one way. */
  readonly design: Variant
  readonly ladder?: readonly Variant[]
  readonly text: string
  settingsOf(variant: Variant): Readonly<Record<string, string>>
  readonly expectedPlan: readonly RegExp[]
}

export interface TableContext {
  readonly server: ReadOnlyServer
  readonly table: OwnTable
  readonly known: KnownRows
  readonly k: number
  /** A vector to ask for a plan with. */
  readonly query: Float32Array
  /** Each searcher is one transaction that stays read-only, and holds its lock on the table as long; missing: a transaction each search. */
  readonly isOneTransaction?: boolean
}

export const vectorFormats: Readonly<Record<OwnTable['type'], VectorFormat>> = {
  vector: vectorFormat,
  halfvec: halfvecFormat,
  bit: bitFormat,
}

/** As a client gets it, exactly, by each index, and by the extension's functions where the database has them. */
export function listTableCorpora(context: TableContext): Corpus[] {
  const { server, table } = context
  const searches = [
    asIs(context),
    exact(context, 'pgvector-exact', `${searchStatement(table, context.k)}${ownMark}`),
    ...table.indexes.map((index) => byIndex(context, index)),
    ...(server.extension('simdgres').installed
      ? [exact(context, 'extension-exact', searchStatement(table, context.k, extensionOrder(table)))]
      : []),
  ]
  return searches.map((search) => createCorpus(search, context))
}

/** The session's own settings, and whatever plan comes of them. */
function asIs({ table, k }: TableContext): TableSearch {
  const text = searchStatement(table, k)
  return { id: 'as-is', exact: false, design: {}, text, settingsOf: () => ({}), expectedPlan: [] }
}

/** By all rows, or those that an ordinary index finds for the condition. */
export function exactSettings(): Readonly<Record<string, string>> {
  return { ...sessionSettings, plan_cache_mode: 'force_generic_plan', enable_indexscan: 'off' }
}

export const exactPlan = /(Seq|Bitmap Heap) Scan on/

function exact(_: TableContext, id: string, text: string): TableSearch {
  return { id, exact: true, design: {}, text, settingsOf: exactSettings, expectedPlan: [exactPlan] }
}

const pathOf = {
  hnsw: 'pgvector-hnsw',
  ivfflat: 'pgvector-ivfflat',
  simdgres: 'extension-index',
} as const

/** By this index: the planner may prefer another, which only the owner of the table could take away. */
function byIndex({ table, k }: TableContext, { name, method, lists, order }: TableIndex): TableSearch {
  const forced = {
    ...sessionSettings,
    plan_cache_mode: 'force_generic_plan',
    // Whatever would read rows in another order and sort them.
    ...{ enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off' },
  }
  const search = {
    id: pathOf[method],
    exact: method === 'simdgres',
    design: { index: name },
    text: searchStatement(table, k, order),
    expectedPlan: [new RegExp(`Index Scan using ${name.replace(/[^\w]/g, '\\$&')}\\b`)],
  }
  if (method === 'simdgres') return { ...search, settingsOf: () => forced }
  const knob = method === 'hnsw' ? hnswKnob('ef_search', k) : undefined
  const steps = knob?.ladder({}) ?? listLadder(lists)
  const label: SearchKnob = knob?.name ?? 'probes'
  const parameter = knob?.parameter ?? 'ivfflat.probes'
  return {
    ...search,
    ladder: steps.map((step) => ({ [label]: step })),
    settingsOf: (variant) => ({ ...forced, [parameter]: String(variant[label] ?? steps[0]) }),
  }
}

function createCorpus(search: TableSearch, context: TableContext): Corpus {
  const path: PathFacts = {
    id: search.id,
    exact: search.exact,
    needsServer: true,
    batchSize: 1,
    searches: true,
    // How many bytes of the table a scan reads is not known here.
    scans: false,
    arithmetic: 'float4',
  }
  return {
    path,
    design: search.design,
    variants: () => search.ladder?.slice(0, 1) ?? [{}],
    ...(search.ladder && { ladders: [search.ladder] }),
    open: (variant) => openSearcher(search, variant, context),
    dispose: async () => undefined,
  }
}

async function openSearcher(
  search: TableSearch,
  variant: Variant,
  { server, table, known, query, isOneTransaction = false }: TableContext,
): Promise<Searcher> {
  const settings = search.settingsOf(variant)
  const session = await server.connect(settings)
  const searcher = new PreparedSearcher({
    ...{ session, settings, format: vectorFormats[table.type] },
    statement: { name: search.id, text: search.text },
    numberOf: known.numberOf,
    check: (plan) => checkPlan(search, plan),
  })
  try {
    if (isOneTransaction) await session.query('BEGIN READ ONLY')
    await searcher.explain(query)
    return searcher
  } catch (error) {
    await session.close()
    throw error
  }
}

function checkPlan({ expectedPlan }: TableSearch, { text }: Plan): void {
  const missing = expectedPlan.find((expected) => !expected.test(text))
  if (missing === undefined) return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `The planner does not use it here: no ${missing} in\n${text}`,
    'The row as-is shows what it prefers. Of two indexes it takes one, so measure where the other is dropped; the condition ' +
      'of a partial index has to be in --where.',
  )
}
