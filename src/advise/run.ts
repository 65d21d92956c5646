import { SimdgresError } from '../errors.js'
import type { Control } from '../measure/experiment.js'
import { ReadOnlyServer } from '../paths/own-table/read-only.js'
import type { AdviceFinding, AdviceResult } from '../result/advice.js'
import { createTarget } from '../targets/choose.js'
import { type Facts, readFacts } from './facts.js'
import { measureColumn } from './measured/measure.js'
import { checkMaintenanceMemory, checkSharedBuffers } from './memory.js'
import { Explainer } from './query/explain.js'
import { judgeShape, type SearchQuery } from './query/shape.js'
import { readStatements } from './query/statements.js'
import { checkDims, checkStorage } from './storage.js'
import { checkInvalidIndexes, checkStatistics, describeBuilds } from './upkeep.js'

export interface AdviseRequest {
  readonly url: string
  /** Missing: all tables that have a column of vectors. */
  readonly table?: string
  /** Column that tells rows of `table` apart; missing: its key. */
  readonly id?: string
  /** Statements of the user's. */
  readonly queries: readonly SearchQuery[]
  readonly recall: number
  readonly k: number
  /** Rows that are taken as queries. */
  readonly sample: number
  readonly seed: number
}

const checks: readonly ((facts: Facts) => AdviceFinding[])[] = [
  checkStorage,
  checkDims,
  checkSharedBuffers,
  checkMaintenanceMemory,
  checkStatistics,
  checkInvalidIndexes,
]

/**
 * What keeps searches of a database from being fast and right, by its catalogue, by plans, and by searches on a sample of its
 * own rows. Sessions are of read-only transactions: nothing is changed.
 * @throws ERR_INVALID_ARGUMENT for a table that is not there, a query that does not parse, and a transaction pooler.
 */
export async function runAdvise(request: AdviseRequest, control: Control): Promise<AdviceResult> {
  const startedAt = new Date()
  const target = await createTarget('url', { ...control, url: request.url })
  const server = await ReadOnlyServer.open(await target.deploy({}), control.signal)
  try {
    const vector = server.extension('vector')
    if (!vector.installed)
      throw new SimdgresError('ERR_UNAVAILABLE', vector.reason, 'Name a database that has vectors in --url.')
    const facts = await readFacts(server.session, request.table)
    const [role] = await server.session.query<{ postgres: string; role: string }>(
      "SELECT current_setting('server_version') AS postgres, current_user AS role",
    )
    const shapes = await judgeQueries(server, request, facts)
    const measured = []
    for (const column of facts.columns)
      measured.push(await measureColumn(server, { ...request, column, facts }, control))
    return {
      schema: 'simdgres.advise/1',
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      server: { postgres: role!.postgres, pgvector: vector.version, role: role!.role },
      recall: request.recall,
      tables: [...new Set(facts.columns.map(({ relation }) => relation))],
      findings: sortFindings([
        ...shapes.findings,
        ...checks.flatMap((check) => check(facts)),
        ...measured.flatMap(({ findings }) => findings),
      ]),
      indexes: measured.flatMap(({ indexes }) => indexes),
      notes: [...shapes.notes, ...measured.flatMap(({ notes }) => notes), ...describePrewarm(server, facts)],
      unseen: [...shapes.unseen, ...describeBuilds(facts), ...measured.flatMap(({ unseen }) => unseen)],
    }
  } finally {
    await server.close()
  }
}

/** Critical ones first, in the order of the checks among them. */
function sortFindings(findings: readonly AdviceFinding[]): AdviceFinding[] {
  return ['critical', 'warning'].flatMap((severity) => findings.filter((one) => one.severity === severity))
}

interface Shapes {
  readonly findings: AdviceFinding[]
  readonly notes: string[]
  readonly unseen: string[]
}

async function judgeQueries(
  server: ReadOnlyServer,
  { queries }: AdviseRequest,
  facts: Facts,
): Promise<Shapes> {
  const counted = await readStatements(server.session)
  const shapes: Shapes = { findings: [], notes: [], unseen: queries.length > 0 ? [] : [...counted.unseen] }
  const explainer = await Explainer.open(server)
  try {
    for (const query of [...queries, ...counted.queries]) await judgeQuery(explainer, query, facts, shapes)
  } finally {
    await explainer.close()
  }
  return shapes
}

async function judgeQuery(
  explainer: Explainer,
  query: SearchQuery,
  { columns }: Facts,
  { findings, notes, unseen }: Shapes,
): Promise<void> {
  try {
    const judgement = judgeShape(query, await explainer.explain(query.text), columns)
    if (judgement.verdict === 'forbidden') findings.push(...judgement.findings)
    if (!query.isGiven) return
    if (judgement.verdict === 'no index')
      notes.push(`${query.source} reads no table with an index on vectors, of those that were looked at.`)
    if (judgement.verdict === 'too dear') {
      notes.push(
        `${query.source} could use an index, and the planner holds reading all rows for cheaper: for few rows, or a large LIMIT, it may be right.`,
      )
    }
  } catch (error) {
    const isRefused = error instanceof SimdgresError ? error.cause : error
    const code = isRefused instanceof Error && 'code' in isRefused ? String(isRefused.code) : ''
    // Rights, names and syntax, and types of parameters that the text alone does not tell.
    if (!/^(42|22|0A|25)/.test(code)) throw error
    const why = (isRefused as Error).message
    if (query.isGiven && code !== '42501') {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `The server does not take ${query.source} as one statement that searches: ${why}`,
        'Give one SELECT as the application sends it, with values or $1 for its parameters.',
        { cause: error },
      )
    }
    unseen.push(
      `The plan of ${query.source}: ${why}. Ask as the role of the application, or give it with values by --query.`,
    )
  }
}

/** After a restart the first searches read the index from the disk. */
function describePrewarm(server: ReadOnlyServer, { columns }: Facts): string[] {
  const names = columns.flatMap(({ indexes }) =>
    indexes.filter(({ isValid }) => isValid).map(({ name }) => name),
  )
  if (names.length === 0) return []
  const create = server.extension('pg_prewarm').installed ? '' : 'CREATE EXTENSION pg_prewarm; '
  return [
    `After a restart the first searches read from the disk. ${create}SELECT pg_prewarm('${names[0]}') reads an index before them, and ` +
      "shared_preload_libraries = 'pg_prewarm' what was in memory before.",
  ]
}
