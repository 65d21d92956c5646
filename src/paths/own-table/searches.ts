import { SimdgresError } from '../../errors.js'
import { hnswKnob } from '../pgvector/hnsw.js'
import { listLadder } from '../pgvector/pgvector-ivfflat.js'
import type { Corpus, Hits, PathFacts, Plan, Searcher, Variant } from '../search-path.js'
import { sessionSettings } from '../server/forced-settings.js'
import { explainStatement } from '../server/plan.js'
import type { Session } from '../server/session.js'
import { encodeParameter, halfvecFormat, type VectorFormat, vectorFormat } from '../server/vector-codec.js'
import { bitFormat } from './bit-format.js'
import type { KnownRows } from './known-rows.js'
import type { ReadOnlyServer } from './read-only.js'
import { extensionOrder, type OwnTable, searchStatement, type TableIndex } from './table.js'

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
    exact(context, 'pgvector-exact', searchStatement(table, context.k)),
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
function byIndex({ table, k }: TableContext, { name, method, lists }: TableIndex): TableSearch {
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
    text: searchStatement(table, k),
    expectedPlan: [new RegExp(`Index Scan using ${name.replace(/[^\w]/g, '\\$&')}\\b`)],
  }
  if (method === 'simdgres') return { ...search, settingsOf: () => forced }
  const knob = method === 'hnsw' ? hnswKnob('ef_search', k) : undefined
  const steps = knob?.ladder({}) ?? listLadder(lists)
  const label = knob?.name ?? 'probes'
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

async function openSearcher(search: TableSearch, variant: Variant, context: TableContext): Promise<Searcher> {
  const settings = search.settingsOf(variant)
  const session = await context.server.connect(settings)
  const searcher = new TableSearcher(search, settings, session, context)
  try {
    await searcher.explain(context.query)
    return searcher
  } catch (error) {
    await session.close()
    throw error
  }
}

/** One session with one prepared statement, whose ids become numbers. */
class TableSearcher implements Searcher {
  readonly settings: Readonly<Record<string, string>>
  readonly #search: TableSearch
  readonly #session: Session
  readonly #known: KnownRows
  readonly #format: VectorFormat

  constructor(
    search: TableSearch,
    settings: Readonly<Record<string, string>>,
    session: Session,
    { table, known }: TableContext,
  ) {
    this.#search = search
    this.settings = settings
    this.#session = session
    this.#known = known
    this.#format = vectorFormats[table.type]
  }

  async search(query: Float32Array): Promise<readonly Hits[]> {
    const { id: name, text } = this.#search
    const values = [encodeParameter(this.#format, query)]
    const { rows } = await this.#session.run('searching', (client) =>
      client.query<[unknown], Buffer[]>({ name, text, values, rowMode: 'array' }),
    )
    return [Uint32Array.from(rows, ([id]) => this.#known.numberOf(id))]
  }

  async explain(query: Float32Array): Promise<Plan> {
    // Once, so that the statement is prepared.
    await this.search(query)
    const plan = await explainStatement(this.#session, this.#search.id, this.#format.print(query))
    const missing = this.#search.expectedPlan.find((expected) => !expected.test(plan.text))
    if (missing === undefined) return plan
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The planner does not use it here: no ${missing} in\n${plan.text}`,
      'The row as-is shows what it prefers. Of two indexes it takes one, so measure where the other is dropped; the condition ' +
        'of a partial index has to be in --where.',
    )
  }

  async close(): Promise<void> {
    await this.#session.close()
  }
}
