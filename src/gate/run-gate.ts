import { SimdgresError, throwIfAborted } from '../errors.js'
import { type PreparedArm, SetupError } from '../measure/arm.js'
import { type Control, Experiment, type Question } from '../measure/experiment.js'
import { closed } from '../measure/load/closed.js'
import { abbaBlocks } from '../measure/schedule/abba-blocks.js'
import type { Corpus, PathId } from '../paths/search-path.js'
import type { GateResult } from '../result/gate-schema.js'
import { Random } from '../stats/random.js'
import type { ArmSpec, ResultBase } from './arm-spec.js'
import { type ArmSource, describeArm, haveSameServer, type ResolvedArm, resolveArm } from './arms.js'
import { judgeRows } from './builds.js'
import { leaveBuilds } from './commits/build-cache.js'
import type { Policy } from './decide.js'
import { armFacts, conclude, describeRun, describeServer } from './gate-result.js'
import { informByResult } from './inform.js'
import { judgeRun } from './judge-run.js'
import { compareRecords, pairLanes } from './observe.js'
import { controlPaths, isApproximate, type Plant, plantChanges } from './planted-change.js'
import { nameCorpus, type Stage, StageJournal } from './stage-journal.js'

export interface GateRequest extends Question {
  readonly base: ArmSpec | ResultBase
  readonly head: ArmSpec
  readonly paths: readonly PathId[]
  /** Time for measuring, both stages together; builds, loading and warm-up come on top. */
  readonly budgetMs: number
  /** Of approximate paths in each arm. */
  readonly builds: number
  /** Approximate paths are compared at the settings that reach these in the base. */
  readonly recallTargets: readonly number[]
  readonly policy: Policy
  readonly source: ArmSource
  /** What is made worse in the head on purpose. */
  readonly planted?: readonly Plant[]
}

/** Shorter turns would measure the change from one arm to the other: caches are cold then. */
const shortestTurnMs = 50
const longestTurnMs = 1000
/** The other half is for confirming what the first stage flags. */
const stageShare = 0.5
const turnsPerBlock = 4
const warmUpMs = 1500

/**
 * Measures both arms in one process, in blocks of turns over the same queries, and judges what has changed. What the first
 * stage flags is measured again on fresh servers, and only what both find counts. Nothing it started is left behind. A run
 * that is killed goes on where it was when the same command is given again, with the same program and commits.
 * @throws ERR_ABORTED where it is stopped: half of a comparison is none.
 */
export async function runGate(request: GateRequest, control: Control): Promise<GateResult> {
  try {
    return await compare(request, control)
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_ABORTED') throw error
    // Its servers and its journal are gone by now.
    throw new SimdgresError(error.code, 'The comparison was stopped before its end', whatStays, {
      cause: error,
    })
  } finally {
    await leaveBuilds(control)
  }
}

const whatStays =
  'Give the same command again. Of this run only data sets, their truth and commits that were built are kept.'

async function compare(request: GateRequest, control: Control): Promise<GateResult> {
  const startedAt = new Date()
  const run = await describeRun(request, request.policy)
  const result = (rest: Compared): GateResult => ({
    schema: 'simdgres.gate/1',
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    checks: [],
    unpaired: [],
    warnings: [],
    ...run,
    ...rest,
  })
  const { base } = request
  if (base.kind === 'result') return result(await informByResult(base, request.head, control))
  const resolved = await resolveArms({ ...request, base }, control)
  if ('reason' in resolved) return result({ verdict: 'not comparable', metrics: [], reason: resolved.reason })
  const journal = await StageJournal.open({ ...request, base }, resolved, control.progress)
  try {
    return result(await compareArms(request, resolved, control, journal))
  } catch (error) {
    if (!(error instanceof SetupError && error.arm === 'base')) throw error
    const reason = `The base cannot be set up. ${error.message}`
    return result({ verdict: 'not comparable', metrics: [], reason })
  } finally {
    // Whoever kills a run keeps it from getting here.
    await journal.remove()
  }
}

type Compared = Pick<GateResult, 'verdict' | 'metrics'> & Partial<GateResult>

async function compareArms(
  request: GateRequest,
  resolved: Readonly<Record<'base' | 'head', ResolvedArm>>,
  control: Control,
  journal: StageJournal,
): Promise<Compared> {
  const { base, head } = resolved
  const controls = haveSameServer(base, head) ? controlPaths : []
  const stage = (index: 0 | 1, asked: StageRequest) => {
    const { stageKey } = journal
    return journal.once(index, () =>
      measureStage(asked, resolved, { ...control, resumeKey: stageKey(index) }, index),
    )
  }
  const first = await stage(0, request)
  const arms = {
    base: { ...describeServer(first.environments.base), ...armFacts(base) },
    head: { ...describeServer(first.environments.head), ...armFacts(head) },
  }
  const { unpaired, dataset, warnings } = first
  const known = { arms, unpaired: [...unpaired], dataset, warnings: [...warnings] }
  if (first.rows.length === 0) {
    const reason = 'No row could be measured in both arms.'
    return { ...known, verdict: 'not comparable', metrics: [], reason }
  }
  const { policy } = request
  const { metrics, verdicts } = await judgeRun(first.rows, { controls, policy }, async (flagged) => {
    const subjects = flagged.map(({ subject }) => subject)
    control.progress.note(`measuring again on fresh servers: ${subjects.join(', ')}`)
    const again = new Set([...flagged.map(({ pathId }) => pathId), ...controls])
    const paths = request.paths.filter((id) => again.has(id))
    return (await stage(1, { ...request, paths, variants: first.variants })).rows
  })
  const checks = first.rows.flatMap((row) => row.checks)
  return { ...known, metrics: [...metrics], checks, ...conclude(metrics, checks, verdicts) }
}

/** A base that does not build is nothing to be compared with, which is no fault of the head. */
async function resolveArms(
  { base, head, paths, source }: GateRequest & { readonly base: ArmSpec },
  control: Control,
): Promise<{ base: ResolvedArm; head: ResolvedArm } | { reason: string }> {
  const resolvedHead = await resolveArm(head, { ...control, paths, source })
  try {
    return { base: await resolveArm(base, { ...control, paths, source }), head: resolvedHead }
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    return { reason: `The base cannot be built. ${error.message}` }
  }
}

/** How the second stage searches is known from the first. */
type StageRequest = GateRequest & { readonly variants?: Stage['variants'] }

/** With other settings than the first, a second stage would confirm nothing: it is given those of the first. */
async function measureStage(
  request: StageRequest,
  arms: Readonly<Record<'base' | 'head', ResolvedArm>>,
  control: Control,
  stage: 0 | 1,
): Promise<Stage> {
  const random = () => new Random(request.seed + stage, 4)
  const experiment = await Experiment.open(request, control)
  try {
    const prepared: Partial<Record<'base' | 'head', PreparedArm>> = {}
    // Who comes first gets the quieter machine, or the colder one.
    const order = random().below(2) === 0 ? (['base', 'head'] as const) : (['head', 'base'] as const)
    for (const name of order) {
      const { paths, threads, builds } = request
      const arm = await describeArm(name, arms[name], { ...control, paths, threads, builds })
      prepared[name] = await experiment.prepare(arm)
    }
    const [base, head] = [prepared.base!, prepared.head!]
    const known = new Map(request.variants)
    const chosen = request.variants ? undefined : await experiment.chooseVariants(base, request.recallTargets)
    const variantsOf = (corpus: Corpus) =>
      chosen?.(corpus) ?? known.get(nameCorpus(corpus)) ?? corpus.variants()
    const { paired, unpaired } = pairLanes(
      base.lanes(closed(1), variantsOf),
      plantChanges(head.lanes(closed(1), variantsOf), request.planted ?? []),
    )
    const { minBlocks } = request.policy
    const { queries } = experiment.dataset
    const pairs = paired.length / 2
    const turnMs = (request.budgetMs * stageShare) / (pairs * minBlocks * turnsPerBlock)
    const schedule = abbaBlocks({
      blocks: minBlocks,
      baseArm: 'base',
      queriesOf: ({ corpus: { path } }, msPerQuery) =>
        Math.max(
          // A recall is one over all queries, however slow the machine is.
          isApproximate(path.id) ? Math.ceil(queries.rows / minBlocks) : path.batchSize,
          Math.round(Math.min(longestTurnMs, Math.max(shortestTurnMs, turnMs)) / msPerQuery),
        ),
      random,
    })
    const observed = paired.length === 0 ? undefined : await experiment.measure(paired, schedule, warmUpMs)
    throwIfAborted(control.signal)
    const { rows, failed } = compareRecords(observed?.records ?? [], experiment)
    const { dataset, truth } = experiment
    return {
      rows: judgeRows(rows, experiment.truth.k),
      unpaired: [...unpaired, ...failed],
      variants: base.corpora.map((corpus) => [nameCorpus(corpus), variantsOf(corpus)]),
      environments: { base: base.environment, head: head.environment },
      dataset: {
        name: dataset.name,
        rows: dataset.base.rows,
        dims: dataset.base.dims,
        metric: dataset.metric,
        k: truth.k,
        sha256: dataset.sha256,
      },
      warnings: [
        ...(observed?.wasResumed
          ? ['The run was killed and went on later: its blocks are of two sittings.']
          : []),
        ...new Set([base, head].flatMap((arm) => [...arm.warnings, ...describeRefusals(arm)])),
      ],
    }
  } finally {
    await experiment.close()
  }
}

/** What is in neither arm is no row at all: nobody would miss it. */
function describeRefusals({ arm, refusals }: PreparedArm): string[] {
  return refusals.flatMap((row) =>
    row.status === 'ok' ? [] : [`${row.id} cannot be measured in the ${arm.name}: ${row.reason}`],
  )
}
