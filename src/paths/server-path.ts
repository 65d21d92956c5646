import { nameFilter } from '../datasets/row-filter.js'
import { SimdgresError } from '../errors.js'
import type { ConnectionInfo } from '../targets/target.js'
import type { PathContext } from './path-context.js'
import type {
  Availability,
  Corpus,
  Design,
  IndexStats,
  LoadStats,
  PathFacts,
  Plan,
  Searcher,
  SearchPath,
  Variant,
} from './search-path.js'
import { describeFilter } from './server/filter-clause.js'
import { sessionSettings } from './server/forced-settings.js'
import { PreparedSearcher } from './server/prepared-searcher.js'
import { openInserter } from './server/row-inserter.js'
import type { Session } from './server/session.js'
import type { VectorFormat } from './server/vector-codec.js'
import type { TableSpec } from './server/vector-table.js'
import type { Workspace } from './server/workspace.js'

/** How one variant is searched. */
export interface ServerSearch {
  /** One parameter, the query vector; its first column is the id, nearest first. */
  readonly text: string
  /** Server parameters of a session that searches it. */
  readonly settings: Readonly<Record<string, string>>
  /** Before the first search: what has to be so of the table; resolves to its storage parameters. */
  arrange?(session: Session): Promise<Readonly<Record<string, string>>>
  /** What the plan has to say; if the planner does something else, the row would carry a wrong name. */
  readonly expectedPlan: readonly RegExp[]
}

/** What was loaded and built in the server. */
export interface ServerCorpusParts {
  readonly load?: LoadStats
  readonly index?: IndexStats
  readonly variants: readonly Variant[]
  readonly ladders?: readonly (readonly Variant[])[]
  /** Where its rows are, if rows can be added to it. */
  readonly table?: TableSpec
  /** @param where the filter of the statement, to stand behind the table; empty for all rows. */
  describe(variant: Variant, where: string): ServerSearch
  /** Given where a reader has to see what the statement does under the server's own settings; as `arrange`. */
  asIs?(session: Session): Promise<Readonly<Record<string, string>>>
}

/** The statement under the settings that any other client of the server has. */
export const asIsVariant: Variant = { planner: 'as-is' }

/** What a path inside the server consists of; connections, statements and checks are the same for all. */
export interface ServerPathDefinition {
  readonly format: VectorFormat
  /** Server parameters of all its sessions. */
  readonly settings: Readonly<Record<string, string>>
  readonly designs: readonly Design[]
  isAvailable(workspace: Workspace): Promise<Availability>
  prepare(workspace: Workspace, design: Design, build?: number): Promise<ServerCorpusParts>
}

export function createServerPath(
  facts: PathFacts,
  context: PathContext,
  definition: ServerPathDefinition,
): SearchPath {
  const { workspace } = context
  return {
    ...facts,
    async isAvailable() {
      if (workspace !== undefined) return definition.isAvailable(workspace)
      return { available: false, reason: 'This run has no server; choose one with --target.' }
    },
    designs: () => definition.designs,
    async prepare(design, build) {
      const parts = addFilters(await definition.prepare(workspace!, design, build), context)
      const { load, index, ladders, table } = parts
      const filters = facts.searches ? listFilters(context) : [{}]
      const describe = (variant: Variant, session?: Readonly<Record<string, string>>): OpenTask => ({
        ...{ context, format: definition.format, name: facts.id, variant },
        search: session
          ? describeChosen(parts, variant, session)
          : describeSearch(definition, parts, variant),
      })
      const open: Corpus['open'] = async (variant, server, session) =>
        explainFirst(await openSearcher(describe(variant, session), server), context)
      const variants: Variant[] = []
      for (const filter of filters) {
        const asIs = { ...filter, ...asIsVariant }
        const shown = parts.variants.map((variant) => ({ ...filter, ...variant }))
        const differs =
          parts.asIs !== undefined && (await differsAsIs(parts, shown, () => open(asIs), context))
        variants.push(...shown, ...(differs ? [asIs] : []))
      }
      return {
        path: facts,
        design,
        ...(build !== undefined && { build }),
        ...(load && { load }),
        ...(index && { index }),
        variants: () => variants,
        ...(ladders && {
          ladders: filters.flatMap((filter) =>
            ladders.map((steps) => steps.map((variant) => ({ ...filter, ...variant }))),
          ),
        }),
        open,
        openFirst: (variant) => openSearcher(describe(variant)),
        ...(table && {
          table: {
            name: table.name,
            async openInserter() {
              // A run that goes on where this one is killed must not take it for the table that was loaded.
              await workspace!.forget(table.name)
              return openInserter(workspace!, table)
            },
          },
        }),
        // The workspace removes the tables: paths share them.
        dispose: async () => undefined,
      } satisfies Corpus
    },
  }
}

/** What is built, with a description of any variant, that of a filter among them. */
interface FilteredParts extends Omit<ServerCorpusParts, 'describe'> {
  describe(variant: Variant): ServerSearch
}

function addFilters(parts: ServerCorpusParts, { filters }: PathContext): FilteredParts {
  return {
    ...parts,
    describe({ filter, ...variant }) {
      if (filters === undefined) return parts.describe(variant, '')
      const { where, expectedPlan } = describeFilter(filters, filter)
      const search = parts.describe(variant, where)
      return { ...search, expectedPlan: [...search.expectedPlan, ...expectedPlan] }
    },
  }
}

/** As the beginnings of variants. */
function listFilters({ filters }: PathContext): readonly Variant[] {
  return filters?.percents.map((percent) => ({ filter: nameFilter(percent) })) ?? [{}]
}

/** With the settings of all that are measured, unless it is the one that forces nothing. */
function describeSearch(
  definition: ServerPathDefinition,
  parts: FilteredParts,
  variant: Variant,
): ServerSearch {
  if (variant['planner'] !== asIsVariant['planner']) {
    const search = parts.describe(variant)
    return { ...search, settings: { ...sessionSettings, ...definition.settings, ...search.settings } }
  }
  const { planner: _, ...rest } = variant
  const { asIs: arrange } = parts
  return { text: parts.describe(rest).text, settings: {}, ...(arrange && { arrange }), expectedPlan: [] }
}

/** With the variant's own parameters and the caller's; nothing else is forced, and any plan is the answer. */
function describeChosen(
  parts: FilteredParts,
  variant: Variant,
  session: Readonly<Record<string, string>>,
): ServerSearch {
  const { planner, ...rest } = variant
  const { text, settings } = parts.describe(rest)
  const own = planner === asIsVariant['planner'] ? {} : settings
  const { asIs: arrange } = parts
  return { text, settings: { ...own, ...session }, ...(arrange && { arrange }), expectedPlan: [] }
}

/** Whether the server, left to itself, runs the statement in another way than any variant that is shown. */
async function differsAsIs(
  { describe }: FilteredParts,
  shown: readonly Variant[],
  openAsIs: () => Promise<Searcher>,
  { dataset: { queries } }: PathContext,
): Promise<boolean> {
  const searcher = await openAsIs()
  try {
    const { text, compilesJit } = (await searcher.explain(queries.data.subarray(0, queries.dims)))!
    const isShown = shown.some((variant) => describe(variant).expectedPlan.every((line) => line.test(text)))
    return compilesJit || !isShown
  } finally {
    await searcher.close()
  }
}

interface OpenTask {
  readonly context: PathContext
  readonly format: VectorFormat
  readonly name: string
  readonly variant: Variant
  readonly search: ServerSearch
}

async function openSearcher(task: OpenTask, server?: ConnectionInfo): Promise<PreparedSearcher> {
  const { context, format, name, variant, search } = task
  const { text, settings } = search
  const session = await context.workspace!.connect({ settings, ...(server && { server }) })
  try {
    const forced = { ...settings, ...(await search.arrange?.(session)) }
    return new PreparedSearcher({
      ...{ session, format, statement: { name, text }, settings: forced },
      check: (plan) => checkPlan(`${name} ${JSON.stringify(variant)}`, search, plan),
    })
  } catch (error) {
    await session.close()
    throw error
  }
}

/** No searcher is given to anybody whose plan is another than its name says. */
async function explainFirst(
  searcher: PreparedSearcher,
  { dataset: { queries } }: PathContext,
): Promise<Searcher> {
  try {
    await searcher.explain(queries.data.subarray(0, queries.dims))
    return searcher
  } catch (error) {
    await searcher.close()
    throw error
  }
}

function checkPlan(name: string, search: ServerSearch, plan: Plan): void {
  const missing = search.expectedPlan.find((expected) => !expected.test(plan.text))
  if (missing === undefined) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The planner does not run ${name} as named: no ${missing} in\n${plan.text}`,
    'Look for server parameters that forbid the plan (enable_*, max_parallel_workers).',
  )
}
