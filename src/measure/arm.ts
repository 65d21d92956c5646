import type { Dataset } from '../datasets/dataset.js'
import type { RowFilters } from '../datasets/row-filter.js'
import { SimdgresError } from '../errors.js'
import type { VectorLibrary } from '../paths/path-context.js'
import type { Corpus } from '../paths/search-path.js'
import { Workspace } from '../paths/server/workspace.js'
import type { Progress } from '../progress.js'
import { formatBytes } from '../result/numbers.js'
import type { Environment, ResultRow } from '../result/schema.js'
import type { DeploySettings, DroppedPages, Target } from '../targets/target.js'
import { type Corpora, type PathChoice, prepareCorpora } from './corpora.js'
import { describeServer } from './environment.js'
import type { Lane } from './lane/lane.js'
import { closed } from './load/closed.js'
import type { Load } from './load/load.js'
import { settle } from './settle.js'

/** SQL that a server of ours is given before anything is loaded. */
export interface SetupFile {
  readonly name: string
  readonly sql: string
}

/** The SQL of an arm's set-up is wrong, which is nothing that the other arm could help. */
export class SetupError extends SimdgresError {
  readonly arm: string

  constructor(arm: string, { code, message, hint }: SimdgresError) {
    super(code, message, hint)
    this.arm = arm
  }
}

/** One side of an experiment: a server, and the paths that are measured there. A bench has one arm, a gate two. */
export interface Arm {
  readonly name: string
  /** Missing where no path needs a server. The arm deploys it, and stops it at its end. */
  readonly target?: Target
  readonly settings: DeploySettings
  /** Run in this order, once. */
  readonly setup?: readonly SetupFile[]
  readonly paths: readonly PathChoice[]
  /** Tables are logged, because rows are inserted into them. */
  readonly isLogged?: boolean
  /** How often approximate indexes are built; once if missing. */
  readonly builds?: number
  /** Threads an in-process path may use. */
  readonly threads: number
  /** Time that a row is measured for: no path prepares anything beside data and index for longer. */
  readonly budgetMs?: number
  /** What the paths in this process search with; this version's own if missing. */
  readonly library?: VectorLibrary
}

export interface ArmContext {
  readonly dataset: Dataset
  readonly filters?: RowFilters
  readonly k: number
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Of the arm and the program: tables that a killed run with the same key has finished are taken over. */
  readonly resumeKey?: string
}

/** An arm whose server runs, and whose data is loaded and indexed. */
export class PreparedArm {
  readonly arm: Arm
  /** What could not be prepared, as rows of the result. */
  readonly refusals: readonly ResultRow[]
  readonly corpora: readonly Corpus[]
  /** Missing where there is no server. */
  readonly workspace: Workspace | undefined
  readonly environment: Pick<Environment, 'target' | 'settings'> & Partial<Environment>
  readonly #warnings: readonly string[]

  private constructor(
    arm: Arm,
    workspace: Workspace | undefined,
    { corpora, refusals }: Corpora,
    environment: PreparedArm['environment'],
    warnings: readonly string[],
  ) {
    this.arm = arm
    this.workspace = workspace
    this.corpora = corpora
    this.refusals = refusals.map(({ design, ...row }) => ({ ...row, arm: arm.name, params: design }))
    this.environment = environment
    this.#warnings = warnings
  }

  /** Rejects with nothing left behind. */
  static async prepare(arm: Arm, context: ArmContext): Promise<PreparedArm> {
    const { target, threads, budgetMs, library } = arm
    let workspace: Workspace | undefined
    let corpora: Corpora | undefined
    try {
      if (target !== undefined) workspace = await openWorkspace(target, arm, context)
      if (workspace !== undefined) await runSetup(workspace, arm)
      const pathContext = {
        ...context,
        threads,
        ...(budgetMs !== undefined && { budgetMs }),
        ...(library && { library }),
        ...(workspace && { workspace }),
        ...(target && { target: target.id }),
      }
      corpora = await prepareCorpora(arm.paths, pathContext, arm.builds)
      const server = workspace === undefined ? { settings: {} } : await describeServer(workspace)
      const environment = {
        ...server,
        target: target?.id ?? ('none' as const),
        ...(target?.limits && { limits: target.limits }),
      }
      const warnings = workspace === undefined ? [] : await settleServer(workspace, corpora, context)
      return new PreparedArm(arm, workspace, corpora, environment, warnings)
    } catch (error) {
      const made = (corpora?.corpora ?? []).map((corpus) => () => corpus.dispose())
      await cleanUp([...made, () => workspace?.close(), () => target?.stop()], context.progress)
      throw error
    }
  }

  /** A lane for every variant that the corpora show, or that `variantsOf` chooses. */
  lanes(load: Load = closed(1), variantsOf = (corpus: Corpus) => corpus.variants()): Lane[] {
    return this.corpora.flatMap((corpus) =>
      variantsOf(corpus).map((variant) => ({ arm: this.arm.name, corpus, variant, load })),
    )
  }

  /** Restarts the server with other settings on the same data. No searcher may be open; those opened next reach it. */
  async reconfigure(settings: DeploySettings): Promise<void> {
    const { target } = this.arm
    if (target === undefined || this.workspace === undefined) return
    await this.workspace.reconnect(await target.reconfigure(settings))
  }

  /**
   * Restarts the server as it is, and warms nothing. No searcher may be open.
   * @returns what became of the kernel's copies of its files; undefined where they were kept.
   */
  async restartCold(): Promise<DroppedPages | undefined> {
    const { target, settings } = this.arm
    await this.workspace!.reconnect(await target!.reconfigure(settings), { isCold: true })
    return target!.dropPageCache()
  }

  /** Reads again what a cold restart has left outside of the server's buffers. */
  async warm(): Promise<void> {
    await this.workspace!.warm()
  }

  /** What a reader of its figures has to know. */
  get warnings(): string[] {
    return [...this.#warnings, ...new Set(this.workspace?.notices)]
  }

  /** Ends all that it started, whatever fails; resolves to what could not be cleaned up. */
  async close(progress: Progress): Promise<string[]> {
    const corpora = this.corpora.map((corpus) => () => corpus.dispose())
    return cleanUp([...corpora, () => this.workspace?.close(), () => this.arm.target?.stop()], progress)
  }
}

async function openWorkspace(
  target: Target,
  { settings, isLogged = false }: Arm,
  { progress, signal, resumeKey }: ArmContext,
): Promise<Workspace> {
  const connection = await target.deploy(settings)
  return Workspace.open({
    connection,
    progress,
    signal,
    isLogged,
    mayCreateExtensions: target.id !== 'url',
    ...(resumeKey !== undefined && { resumeKey }),
  })
}

/** In sessions of its own: what it creates is nothing of the run's, and what it sets for the database, later ones have. */
async function runSetup(workspace: Workspace, { name: arm, setup = [] }: Arm): Promise<void> {
  for (const { name, sql } of setup) {
    const run = async () => {
      const session = await workspace.connect({ settings: { search_path: 'public' } })
      try {
        await session.run(`running ${name} for the ${arm}`, (client) => client.query(sql))
        return true
      } catch (error) {
        const isRefused = error instanceof SimdgresError && error.code === 'ERR_UNAVAILABLE'
        throw isRefused ? new SetupError(arm, error) : error
      } finally {
        await session.close()
      }
    }
    await workspace.once(`setup ${name}`, run, async () => undefined)
  }
}

async function settleServer(
  workspace: Workspace,
  { corpora }: Corpora,
  context: ArmContext,
): Promise<string[]> {
  const inServer = corpora.filter(({ path }) => path.needsServer)
  const unsettled = await settle({ ...context, workspace, corpora: inServer })
  return [...(await warnOfCacheSize(workspace)), ...unsettled]
}

/** All tables and indexes are read into shared buffers when they are made; the first do not stay where they do not fit. */
async function warnOfCacheSize(workspace: Workspace): Promise<string[]> {
  const { usedBytes, sharedBytes } = await workspace.readCacheUse()
  if (usedBytes <= sharedBytes) return []
  return [
    `Tables and indexes (${formatBytes(usedBytes)}) do not fit into shared_buffers (${formatBytes(sharedBytes)}): ` +
      'paths take turns there. Raise --memory, or measure fewer paths at a time with --paths.',
  ]
}

/** A run of many minutes is not lost to a step that fails: it becomes a warning. */
async function cleanUp(
  steps: readonly (() => Promise<void> | undefined)[],
  progress: Progress,
): Promise<string[]> {
  const problems: string[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      const problem = `Cleaning up failed: ${error instanceof Error ? error.message : String(error)}`
      problems.push(problem)
      progress.note(problem)
    }
  }
  return problems
}
